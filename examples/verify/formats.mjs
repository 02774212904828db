// Comarca's formats, each read strictly: JSON, base64, salted lines, entries, signed notes, the Merkle tree. Written
// from docs/formats.md and the specifications it names, for Node 20 or later, its standard library alone.

import crypto from "node:crypto";

export class Wrong extends Error {} // what was given proves nothing; the message says where and why

export function check(holds, why) {
  if (!holds) throw new Wrong(why);
}

export const sha256 = (...parts) => {
  const hash = crypto.createHash("sha256");
  for (const part of parts) hash.update(Buffer.from(part));
  return hash.digest();
};

// --- JSON: each name once, numbers whole and written in one way

const SPACE = "[ \\t\\n\\r]*";
const STRING = '"(?:[^"\\\\\\u0000-\\u001f]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"';
const TOKEN = new RegExp(`${SPACE}([{}[\\]:,]|${STRING}|-?[0-9][0-9.eE+-]*|[a-z]+)${SPACE}`, "y");
const DEEP = 32;

export function parseJson(text) {
  let place = 0;
  const take = () => {
    TOKEN.lastIndex = place;
    const found = TOKEN.exec(text);
    check(found, `not JSON at ${place}`);
    place = TOKEN.lastIndex;
    return found[1];
  };
  const string = (token) => {
    check(token[0] === '"', `a name is a string: ${token}`);
    const read = JSON.parse(token);
    check(read.isWellFormed(), "a lone surrogate");
    return read;
  };
  const items = (end, one) => {
    let token = take();
    if (token === end) return;
    for (;;) {
      one(token);
      token = take();
      if (token === end) return;
      check(token === ",", `a comma is missing at ${place}`);
      token = take();
    }
  };
  const value = (token, depth) => {
    check(depth <= DEEP, "nested too deep");
    if (token === "[") {
      const list = [];
      items("]", (first) => list.push(value(first, depth + 1)));
      return list;
    }
    if (token === "{") {
      const record = Object.create(null);
      items("}", (first) => {
        const name = string(first);
        check(!(name in record), `the name ${name} stands twice`);
        check(take() === ":", `a colon is missing at ${place}`);
        record[name] = value(take(), depth + 1);
      });
      return record;
    }
    if (token[0] === '"') return string(token);
    if (token === "true" || token === "false") return token === "true";
    check(/^(0|-?[1-9][0-9]*)$/.test(token) && Number.isSafeInteger(Number(token)), `not a value: ${token}`);
    return Number(token);
  };
  const read = value(take(), 1);
  check(place === text.length, "something stands after the JSON");
  return read;
}

const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

// RFC 8785, for the values that signed objects and events may have: their names and strings are ASCII.
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  return `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;
}

export function parseObject(text, where) {
  const object = parseJson(text);
  check(isRecord(object) && canonical(object) === text, `${where}: not an object in canonical JSON`);
  return object;
}

// --- values of a receipt

export function record(value, where, ...names) {
  check(isRecord(value), `${where}: an object`);
  check(Object.keys(value).sort().join() === names.sort().join(), `${where}: an object of ${names.join(", ")}`);
  return value;
}

export function list(value, where) {
  check(Array.isArray(value), `${where}: a list`);
  return value;
}

export function whole(value, where) {
  check(Number.isSafeInteger(value) && value >= 0, `${where}: a whole number`);
  return value;
}

export function octets(value, where) {
  check(typeof value === "string", `${where}: a string`);
  return Buffer.from(value);
}

export function unbase64(text, size, where) {
  check(typeof text === "string", `${where}: a string`);
  const found = Buffer.from(text, "base64");
  const canonical = found.toString("base64") === text && (size === null || found.length === size);
  check(canonical, `${where}: not base64 as it should be`);
  return found;
}

// --- the Merkle tree (RFC 9162 section 2.1)

export const leafHash = (data) => sha256([0], data);
const nodeHash = (left, right) => sha256([1], left, right);
const half = (n) => Math.floor(n / 2);

// Whether the path leads from the leaf to the root, by section 2.1.3.2.
function leads(leaf, index, size, path, root) {
  if (index >= size) return false;
  let [fn, sn, r] = [index, size - 1, leaf];
  for (const p of path) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(p, r);
      while (fn % 2 === 0 && fn !== 0) [fn, sn] = [half(fn), half(sn)];
    } else {
      r = nodeHash(r, p);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  return sn === 0 && r.equals(root);
}

export function checkPath(leaf, index, size, path, root, where) {
  const hashes = list(path, `${where}.path`).map((hash) => unbase64(hash, 32, `${where}.path`));
  check(hashes.length <= 63 && leads(leaf, index, size, hashes, root), `${where}: the path does not lead to the root`);
}

// --- entries and salted lines

const ENTRY = /^comarca\/entry@v1\ntime (0|[1-9][0-9]{0,15})\ninstruction ([^\n]{44})\nevents ([^\n]{44})\n$/;

export function parseEntry(text, where) {
  const found = typeof text === "string" && ENTRY.exec(text);
  check(found, `${where}: not an entry`);
  const [, time, instruction, events] = found;
  return { time: Number(time), instruction: unbase64(instruction, 32, where), events: unbase64(events, 32, where) };
}

// The JSON text of a salted line.
export function unsalted(line, where) {
  const text = octets(line, where);
  const split = !line.includes("\n") && line[24] === " " && line.length > 25;
  check(split && text.length <= 4096, `${where}: not a salted line`);
  unbase64(line.slice(0, 24), 16, where);
  return line.slice(25);
}

const FREE_TEXT = /^"(?:[^"\\\u0000-\u001f\u007f-\u009f]|\\["\\])*"$/u;

export function freeText(line, where) {
  const text = unsalted(line, where);
  check(FREE_TEXT.test(text), `${where}: not a free text`);
  return JSON.parse(text);
}

// --- signed notes (C2SP signed-note)

export const isId = (text) => typeof text === "string" && /^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(text);

// Text and signature lines of a note, in octets that are UTF-8 and have no controls but LF.
export function parseNote(note, where) {
  check(typeof note === "string" && !/[\u0000-\u0009\u000b-\u001f]/.test(note), `${where}: not a note`);
  const end = note.lastIndexOf("\n\n");
  check(end > 0 && note.endsWith("\n") && end + 2 < note.length, `${where}: a text, an empty line, signature lines`);
  const lines = note.slice(end + 2, -1).split("\n");
  check(lines.length <= 16, `${where}: more than 16 signature lines`);
  return { text: note.slice(0, end + 1), lines, signatures: lines.map((line) => parseLine(line, where)) };
}

function parseLine(line, where) {
  const [dash, name, written, ...more] = line.split(" ");
  const good = dash === "—" && /^[^\s+]+$/u.test(name ?? "") && more.length === 0;
  check(good, `${where}: not a signature line: ${line}`);
  const found = unbase64(written, null, where);
  check(found.length > 4, `${where}: a signature line without a signature`);
  return { name, keyId: found.subarray(0, 4), signature: found.subarray(4) };
}

const ORIGIN = /^(?=.{3,100}$)[^\s/+A-Z]+\/[^\s/+A-Z]+$/;

// An instruction: kind, object and signature lines of a note of this origin.
export function parseInstruction(note, origin, where) {
  const { text, lines, signatures } = parseNote(note, where);
  check(octets(note, where).length <= 60_000, `${where}: a note that is too long`);
  const [first, second, object, last, ...more] = text.split("\n");
  check(last === "" && more.length === 0 && /^[\n -~]*$/.test(text), `${where}: not three lines of ASCII`);
  const kind = /^comarca\/instruction@v1 ([a-z][a-z_]{0,31})$/.exec(first)?.[1];
  check(kind && second === origin && ORIGIN.test(origin), `${where}: not an instruction of this ledger`);
  for (const [n, line] of lines.entries()) {
    const ascends = n === 0 || Buffer.compare(Buffer.from(lines[n - 1]), Buffer.from(line)) < 0;
    check(ascends, `${where}: signature lines out of order`);
  }
  for (const { name, signature } of signatures) {
    const holder = name.slice(-32);
    const good = name === `${origin}/${holder}` && isId(holder) && signature.length === 64;
    check(good, `${where}: not a holder's signature`);
  }
  const pairs = new Set(signatures.map(({ name, keyId }) => `${name} ${keyId.toString("hex")}`));
  check(pairs.size === signatures.length, `${where}: two signatures of one key`);
  return { kind, text, object: parseObject(object, where), signatures, hash: sha256(note) };
}
