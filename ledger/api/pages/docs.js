// Narrows the page to what is typed, and opens what an address points at. Without it the page is whole.
"use strict";
const filter = document.getElementById("filter");
const things = [...document.querySelectorAll("details")];
const titles = [...document.querySelectorAll("section")];

filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const thing of things) thing.hidden = !thing.textContent.toLowerCase().includes(wanted);
  for (const section of titles) section.hidden = ![...section.querySelectorAll("details")].some((one) => !one.hidden);
});

const open = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
};
addEventListener("hashchange", open);
open();
