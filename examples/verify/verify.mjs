#!/usr/bin/env node
// node verify.mjs ORIGIN IDENTITY receipt.json     says what the receipt shows
// node verify.mjs ORIGIN IDENTITY --many < file     the file has a receipt a line, in base64; so have the answers
//
// Exit codes: 0 every receipt verified, 1 one did not, 2 misused.

import fs from "node:fs";
import { Wrong } from "./formats.mjs";
import { verify } from "./receipt.mjs";

const [origin, identity, file, ...more] = process.argv.slice(2);
if (file === undefined || more.length > 0) {
  console.error("usage: node verify.mjs ORIGIN IDENTITY (receipt.json | --many)");
  process.exit(2);
}

function judge(octets) {
  try {
    return { shown: verify(octets, origin, identity) };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    return { wrong: error.message };
  }
}

function read(path) {
  try {
    return fs.readFileSync(path);
  } catch (error) {
    console.error(`${path}: cannot be read (${error.code}); the order is ORIGIN IDENTITY receipt.json`);
    process.exit(2);
  }
}

if (file === "--many") {
  const lines = fs.readFileSync(0, "utf8").split("\n").slice(0, -1);
  const answers = lines.map((line) => judge(Buffer.from(line, "base64")));
  const said = answers.map(({ wrong }) => (wrong === undefined ? "verified" : `wrong: ${JSON.stringify(wrong)}`));
  process.stdout.write(said.map((one) => `${one}\n`).join(""));
  process.exitCode = answers.some(({ wrong }) => wrong !== undefined) ? 1 : 0;
} else {
  const { shown, wrong } = judge(read(file));
  if (wrong === undefined) console.log(JSON.stringify(shown, null, 1));
  else console.error(`wrong: ${wrong}`);
  process.exitCode = wrong === undefined ? 0 : 1;
}
