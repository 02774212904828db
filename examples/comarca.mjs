// What a member's program must know of Comarca's formats: keys, signed notes, the text that it signs, receipts. Written
// from docs/formats.md and docs/api.md for Node 20 or later, its standard library alone; examples/till.mjs uses it.

import crypto from "node:crypto";
import fs from "node:fs";

export const VALID_S = 600;

export class Broken extends Error {} // something here is not what it should be: sign nothing more

function sha256(...parts) {
  const hash = crypto.createHash("sha256");
  for (const part of parts) hash.update(Buffer.from(part));
  return hash.digest();
}

const leafHash = (octets) => sha256([0], octets);
const nodeHash = (left, right) => sha256([1], left, right);

export function check(holds, what) {
  if (!holds) throw new Broken(what);
}

function unbase64(text) {
  const octets = Buffer.from(String(text), "base64");
  check(octets.toString("base64") === text, `not base64: ${text}`);
  return octets;
}

// --- the key, and signed notes

export function readKey(file, passwordFile) {
  const password = fs.readFileSync(passwordFile, "utf8").replace(/[\r\n]+$/, "");
  const found = JSON.parse(fs.readFileSync(file, "utf8"));
  const { n, r, p, salt } = found.kdf;
  const stretched = crypto.scryptSync(password, unbase64(salt), 32, { N: n, r, p, maxmem: 2 ** 29 });
  const sealed = unbase64(found.sealed);
  const open = crypto.createDecipheriv("chacha20-poly1305", stretched, unbase64(found.nonce), { authTagLength: 16 });
  const shown = JSON.stringify(found.keys.map(({ name, public: key }) => ({ name, public: key })));
  open.setAAD(Buffer.from(shown), { plaintextLength: sealed.length - 16 });
  open.setAuthTag(sealed.subarray(-16));
  let secret;
  try {
    secret = Buffer.concat([open.update(sealed.subarray(0, -16)), open.final()]);
  } catch {
    throw new Error(`${file}: wrong password, or the file was changed`);
  }
  const [[name, seed]] = Object.entries(JSON.parse(secret.toString()));
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), unbase64(seed)]); // RFC 8410
  const key = crypto.createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  const publicKey = crypto.createPublicKey(key).export({ format: "der", type: "spki" }).subarray(-32);
  return { holder: name.slice(-32), key, publicKey };
}

const keyId = (name, publicKey) => sha256(name, "\n", [1], publicKey).subarray(0, 4);

export function sign(text, origin, { holder, key, publicKey }) {
  const name = `${origin}/${holder}`;
  const signed = Buffer.concat([keyId(name, publicKey), crypto.sign(null, Buffer.from(text), key)]);
  return `${text}\n— ${name} ${signed.toString("base64")}\n`;
}

// The text of a note that this key has signed.
function openNote(note, name, publicKey) {
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), publicKey]);
  const key = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
  const good = note.slice(end + 2).split("\n").some((line) => {
    const [dash, signer, written] = line.split(" ");
    if (dash !== "—" || signer !== name) return false;
    const octets = unbase64(written);
    const ours = octets.subarray(0, 4).equals(keyId(name, publicKey));
    return ours && crypto.verify(null, Buffer.from(text), key, octets.subarray(4));
  });
  check(good, `a note that ${name} has not signed`);
  return text;
}

// --- what is read before it is signed

export function checkDraft({ text, salted }, origin, asked, memo) {
  const lines = text.split("\n");
  check(lines.length === 4 && lines[3] === "", "the text is not three lines");
  check(lines[0] === "comarca/instruction@v1 transfer", `the text is a ${lines[0]}`);
  check(lines[1] === origin, `the text is for ${lines[1]}`);
  const object = JSON.parse(lines[2]);
  const sorted = Object.fromEntries(Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1)));
  check(JSON.stringify(sorted) === lines[2], "the text is not in its canonical form");
  const { id, not_after: notAfter, anchor, memo: hash, ...rest } = object;
  check(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/.test(id), "the text has no id");
  check(Number.isInteger(notAfter) && notAfter <= Date.now() / 1000 + 2 * VALID_S, "the text would be good for longer");
  check(Array.isArray(anchor) && anchor.length === 2, "the text has no anchor");
  const fields = Object.keys({ ...rest, ...asked });
  check(fields.every((name) => rest[name] === asked[name]), `the text asks for ${JSON.stringify(rest)}`);
  check(salted.length === (memo ? 1 : 0) && Boolean(hash) === Boolean(memo), "the text has a memo, or has none");
  if (memo) {
    check(/^[A-Za-z0-9+/]{22}== /.test(salted[0]) && JSON.parse(salted[0].slice(25)) === memo, "the memo is another");
    check(leafHash(salted[0]).toString("base64") === hash, "the text has another memo's hash");
  }
  return id;
}

// --- what is proved

// The root that a path leads to from a leaf (RFC 9162 section 2.1.3.2).
function rootOf(leaf, index, size, hashes) {
  let [node, first, last] = [leaf, index, size - 1];
  check(index >= 0 && index < size, "an entry beyond the checkpoint");
  for (const hash of hashes.map(unbase64)) {
    check(last > 0, "a path that is too long");
    if (first % 2 === 1 || first === last) {
      node = nodeHash(hash, node);
      while (first !== 0 && first % 2 === 0) [first, last] = [first / 2, Math.floor(last / 2)];
    } else {
      node = nodeHash(node, hash);
    }
    [first, last] = [Math.floor(first / 2), Math.floor(last / 2)];
  }
  check(last === 0, "a path that is too short");
  return node;
}

// The genesis, whose leaf hash the statutes print: it names the operator's key and the unit.
export function readGenesis({ entry, note }, origin, identity) {
  check(leafHash(entry).toString("base64") === identity, "the server serves another ledger than that of the statutes");
  check(entry.split("\n")[2] === `instruction ${sha256(note).toString("base64")}`, "the genesis is another note");
  const genesis = JSON.parse(note.split("\n")[2]);
  check(genesis.origin === origin, "the genesis is of another origin");
  return { operator: unbase64(genesis.operator).subarray(1), unit: genesis.unit };
}

// That this very text is in the log, under a checkpoint that the operator has signed. (The whole of a receipt is
// verified by `comarca verify receipt`.)
export function checkReceipt(receipt, submission, origin, operator) {
  const { entry, note, path: hashes, log_index: index } = receipt.entry;
  const [text] = submission.split("\n\n", 1);
  check(note.startsWith(`${text}\n\n— `), "the receipt of another text");
  check(entry.split("\n")[2] === `instruction ${sha256(note).toString("base64")}`, "the entry is of another note");
  const [name, size, root] = openNote(receipt.checkpoint, origin, operator).split("\n");
  check(name === origin, "a checkpoint of another ledger");
  const found = rootOf(leafHash(entry), index, Number(size), hashes);
  check(found.toString("base64") === root, "the entry is not in the log");
}
