// A receipt verified offline, from its octets, the ledger's origin and its identity alone. Written from docs/formats.md
// (Receipt) and docs/kinds.md, so that what `comarca verify receipt` says need not be taken on trust.

import { Authority, KEY_EVENTS, newKeys } from "./authority.mjs";
import { check, checkPath, freeText, leafHash, list, octets, parseEntry, parseInstruction, parseJson, parseNote,
  parseObject, record, unbase64, unsalted, whole, Wrong } from "./formats.mjs";
import { keyId, verifies } from "./keys.mjs";

const PARTS = ["receipt", "checkpoint", "entry", "legs", "texts", "events", "keys"];
const TEXTS = ["evidence", "memo", "profile", "reason"];

// What the receipt shows; throws Wrong.
export function verify(file, origin, identity) {
  const receipt = record(parseJson(decode(file)), "receipt", ...PARTS);
  check(receipt.receipt === "comarca/receipt@v1", "receipt: of another form");
  return new Verifier(receipt, origin, unbase64(identity, 32, "identity")).verify();
}

function decode(file) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(file);
  } catch {
    throw new Wrong("receipt: not UTF-8");
  }
}

class Verifier {
  constructor(receipt, origin, identity) {
    Object.assign(this, { receipt, origin, identity });
    this.note = parseNote(receipt.checkpoint, "checkpoint");
    const [first, size, root, last, ...more] = this.note.text.split("\n");
    check(first === origin && last === "" && more.length === 0, "checkpoint: not one of this ledger");
    check(/^[1-9][0-9]{0,15}$/.test(size) && Number.isSafeInteger(Number(size)), "checkpoint: not a log size");
    [this.size, this.root] = [Number(size), unbase64(root, 32, "checkpoint")];
  }

  verify() {
    const authority = this.keys();
    const main = this.entry(record(this.receipt.entry, "entry", "log_index", "entry", "path", "note"), "entry");
    const asked = this.instruction(this.receipt.entry.note, main, "entry");
    check((asked.kind === "genesis") === (main.index === 0), "entry: the first entry alone is a genesis");
    const signers = this.signers(asked, authority, main.index, "entry");
    authority.ownEntry(asked, main.index, signers);
    authority.end();
    this.checkpoint(authority.operator);
    return {
      log_index: main.index, time: main.time, kind: asked.kind, asked: asked.object,
      signers: signers.map(({ holder }) => holder), legs: this.legs(asked), texts: this.texts(asked),
      events: this.lines(this.receipt.events, main.events, "events"), log_size: this.size,
    };
  }

  // --- what made the keys live

  keys() {
    const [first, ...rest] = list(this.receipt.keys, "keys");
    check(first !== undefined, "keys: the genesis is missing");
    const found = this.entry(record(first, "genesis", "log_index", "entry", "path", "note"), "genesis");
    check(found.index === 0 && found.leaf.equals(this.identity), "genesis: its leaf hash is not the identity");
    const genesis = this.instruction(first.note, found, "genesis");
    check(genesis.kind === "genesis" && genesis.object.origin === this.origin, "genesis: of another ledger");
    const authority = new Authority(genesis.object);
    this.signers(genesis, authority, 0, "genesis");
    let last = 0;
    for (const [n, given] of rest.entries()) last = this.key(given, authority, last, `keys.${n + 1}`);
    return authority;
  }

  key(given, authority, last, where) {
    check(typeof given === "object" && given !== null, `${where}: an object`);
    const part = "note" in given ? "note" : "event";
    const found = this.entry(record(given, where, "log_index", "entry", "path", part), where);
    check(found.index > last, `${where}: not in log order`);
    if (part === "event") {
      const event = this.line(given.event, found.events, where).json;
      const { event: kind, holder, key } = parseObject(event, where);
      check(KEY_EVENTS.includes(kind), `${where}: makes no key live`);
      authority.event(holder, key, found.index, where);
    } else {
      const asked = this.instruction(given.note, found, where);
      authority.note(asked, found.index, this.signers(asked, authority, found.index, where), where);
    }
    return found.index;
  }

  // --- parts

  // An entry, its path led to the checkpoint's root.
  entry(given, where) {
    const [index, entry] = [whole(given.log_index, where), parseEntry(given.entry, where)];
    const leaf = leafHash(octets(given.entry, where));
    checkPath(leaf, index, this.size, given.path, this.root, where);
    return { ...entry, index, leaf };
  }

  // The note whose hash stands in the entry.
  instruction(note, entry, where) {
    const asked = parseInstruction(note, this.origin, where);
    check(asked.hash.equals(entry.instruction), `${where}: the entry has the hash of another note`);
    return asked;
  }

  // Who signed a note: each line under a key that the note itself names, or that was shown to be live before it.
  signers({ kind, object, text, signatures }, authority, index, where) {
    const named = newKeys(kind, object, where);
    const signers = signatures.map(({ name, keyId: id, signature }) => {
      const holder = name.slice(-32);
      const isThis = (signer) => signer.holder === holder && keyId(name, signer.key).equals(id);
      const fresh = named.find(isThis);
      const signer = fresh ?? authority.live(isThis, index);
      check(signer, `${where}: nothing shows that the key of ${name} was live`);
      check(verifies(signer.key, signature, text), `${where}: the signature of ${name} does not verify`);
      return { holder, key: signer.key, fresh: fresh !== undefined };
    });
    if (index === 0 || kind in KINDS_THAT_PROVE) {
      const fresh = signers.filter((signer) => signer.fresh).length;
      check(fresh === named.length, `${where}: a key that it names has not signed`);
    }
    return signers;
  }

  checkpoint(operator) {
    const id = keyId(this.origin, operator);
    const lines = this.note.signatures.filter(({ name, keyId: found }) => name === this.origin && found.equals(id));
    const good = lines.length === 1 && verifies(operator, lines[0].signature, this.note.text);
    check(good, "checkpoint: not signed by the operator");
  }

  // A salted line, its path led to the root of its list.
  line(given, root, where, count = null) {
    record(given, where, "line", "index", "count", "path");
    const [index, number] = [whole(given.index, where), whole(given.count, where)];
    check(count === null || number === count, `${where}: the text says how many there are`);
    const json = unsalted(given.line, where);
    checkPath(leafHash(octets(given.line, where)), index, number, given.path, root, where);
    return { index, number, json };
  }

  // Lines of one list, in order.
  lines(given, root, where, count = null) {
    let last = null;
    return list(given, where).map((one, n) => {
      const found = this.line(one, root, `${where}.${n}`, count);
      check(!last || (found.index > last.index && found.number === last.number), `${where}.${n}: out of order`);
      last = found;
      return parseObject(found.json, `${where}.${n}`);
    });
  }

  legs({ kind, object }) {
    if (list(this.receipt.legs, "legs").length === 0) return [];
    check(kind === "transfer_many", "legs: an instruction of this kind has none");
    const [count, root] = object.legs;
    return this.lines(this.receipt.legs, unbase64(root, 32, "legs"), "legs", whole(count, "legs"));
  }

  texts({ object }) {
    const shown = {};
    let last = "";
    for (const given of list(this.receipt.texts, "texts")) {
      const { field, line } = record(given, "texts", "field", "line");
      check(TEXTS.includes(field) && field > last, `texts: ${field} is no text, or out of order`);
      last = field;
      const hash = leafHash(octets(line, "texts")).toString("base64");
      check(hash === object[field], `texts: not the ${field} of the note`);
      shown[field] = freeText(line, "texts");
    }
    return shown;
  }
}

const KINDS_THAT_PROVE = { admit: 1, register_holder: 1, add_key: 1, rotate_key: 1, recover: 1, complete_recovery: 1,
  set_administrators: 1, set_clerk: 1 };
