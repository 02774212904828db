// A till that pays, in Node 20 or later and its standard library alone; written from docs/api.md and docs/formats.md.
//
//     node examples/till.mjs --server http://127.0.0.1:8080 --origin ledger.example/solana --identity ... \
//         --key bakery.key --password-file password --folder till --payee 01a1... 34.30 "12.00 bread"
//
// Amounts are arguments, or lines of the input; behind a space, what it is for. The server writes the text (prepare),
// this program signs it only where kind, origin and every field are those that it asked for. A submission is kept in
// the folder until its receipt has verified: whatever ends this program, it settles at its next start what was open.

import crypto from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";

import { Broken, VALID_S, checkDraft, checkReceipt, readGenesis, readKey, sign } from "./comarca.mjs";

const TRIES = 8;
const TIMEOUT_MS = 30_000;
const NAMES = ["server", "origin", "identity", "key", "password-file", "folder", "payee"];

class Refused extends Error {}
class Unknown extends Error {}

// --- the way to the server

class Ledger {
  constructor(server, origin, key) {
    Object.assign(this, { origin, key, token: "" });
    this.base = `${server.replace(/\/$/, "")}/v1/ledgers/${origin.split("/").pop()}`;
  }

  // One request; null where no whole answer came, so that nobody knows whether it arrived.
  async ask(method, address, body, type) {
    const headers = {};
    if (type) headers["Content-Type"] = type;
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const answer = await fetch(this.base + address, { method, headers, body, redirect: "error", signal });
      const text = await answer.text();
      let found = {};
      try {
        found = JSON.parse(text);
      } catch {} // what is no JSON is no answer of this API's; its status says enough
      return { status: answer.status, body: found, text, after: answer.headers.get("retry-after") };
    } catch {
      return null;
    }
  }

  wait(number, answer) {
    const told = /^[0-9]{1,4}$/.test(answer?.after ?? "") ? Number(answer.after) : Math.min(0.1 * 2 ** number, 5);
    return new Promise((resolve) => setTimeout(resolve, 1000 * told * (1 + Math.random() / 4)));
  }

  // What may be asked again as it is: all but submissions. Logs in where that is needed.
  async patiently(method, address, body, type) {
    for (let number = 0; number < TRIES; number += 1) {
      const answer = await this.ask(method, address, body, type);
      if (answer?.status === 401 && address !== "/tokens") await this.logIn();
      else if (answer && answer.status < 500 && answer.status !== 429) return answer;
      else await this.wait(number, answer);
    }
    throw new Unknown(`${this.base} does not answer`);
  }

  async logIn() {
    this.token = "";
    const nonce = crypto.randomBytes(24).toString("base64url");
    const object = JSON.stringify({ nonce, not_after: Math.floor(Date.now() / 1000) + 60 });
    const note = sign(`comarca/login@v1\n${this.origin}\n${object}\n`, this.origin, this.key);
    const answer = await this.patiently("POST", "/tokens", note, "text/plain");
    if (answer.status !== 201) throw new Refused(`no login: ${answer.body.detail ?? answer.status}`);
    this.token = answer.body.token;
  }

  async good(method, address, body, type) {
    const answer = await this.patiently(method, address, body, type);
    const { reason, detail, remedy, details } = answer.body;
    if (answer.status < 300) return answer.body;
    throw new Refused(`${reason ?? answer.status}: ${detail} ${remedy} ${JSON.stringify(details)}`);
  }

  // The receipt of a submission, as text. After a cut connection the outcome is asked for before anything else, and
  // what goes again is the very same text.
  async send(id, submission) {
    for (let number = 0; number < TRIES; number += 1) {
      const answer = await this.ask("POST", "/instructions", submission, "text/plain");
      if (answer === null) {
        const found = await this.patiently("GET", `/instructions/${id}`);
        if (found.status === 200) return found.text;
      } else if (answer.status < 300) {
        return answer.text;
      } else if ([400, 409, 422].includes(answer.status) && answer.body.reason) {
        const { reason, detail, remedy, details } = answer.body;
        throw new Refused(`refused, ${reason}: ${detail} ${remedy} ${JSON.stringify(details)}`);
      } else if (answer.status < 500 && answer.status !== 429) {
        throw new Broken(`the server answers ${answer.status}`);
      }
      await this.wait(number, answer);
    }
    throw new Unknown(`no outcome of ${id} yet; it is kept for the next start`);
  }
}

// --- the till

function minorUnits(written, scale) {
  const found = /^([0-9]{1,13})(?:\.([0-9]+))?$/.exec(written);
  const decimals = found?.[2] ?? "";
  if (!found || decimals.length > scale) throw new Refused(`not an amount: ${written}`);
  return Number(found[1] + decimals.padEnd(scale, "0"));
}

function decimals(minor, scale) {
  const digits = String(Math.abs(minor)).padStart(scale + 1, "0");
  const [whole, rest] = [digits.slice(0, digits.length - scale), digits.slice(digits.length - scale)];
  return `${minor < 0 ? "-" : ""}${whole}${scale ? "." : ""}${rest}`;
}

function writeWhole(file, text) {
  const fresh = `${file}.new`;
  const descriptor = fs.openSync(fresh, "w", 0o600);
  fs.writeFileSync(descriptor, text);
  fs.fsyncSync(descriptor);
  fs.closeSync(descriptor);
  fs.renameSync(fresh, file);
}

async function settle(ledger, file, operator) {
  const submission = fs.readFileSync(file, "utf8");
  const id = path.basename(file, ".open");
  try {
    const text = await ledger.send(id, submission);
    const receipt = JSON.parse(text);
    checkReceipt(receipt, submission, ledger.origin, operator);
    const kept = file.replace(/open$/, "json");
    writeWhole(kept, text);
    fs.unlinkSync(file);
    return `entry ${receipt.entry.log_index}, receipt ${kept}`;
  } catch (error) {
    if (error instanceof Refused) fs.unlinkSync(file);
    throw error;
  }
}

async function pay(ledger, { payee, folder }, { operator, unit }, line) {
  const [written, ...words] = line.trim().split(" ");
  const memo = words.join(" ").trim();
  const asked = { payer: ledger.key.holder, payee, amount: minorUnits(written, unit.scale) };
  const fields = memo ? { ...asked, memo } : asked;
  const ask = JSON.stringify({ kind: "transfer", fields, valid_s: VALID_S });
  const draft = await ledger.good("POST", "/instructions/prepare", ask, "application/json");
  const id = checkDraft(draft, ledger.origin, asked, memo);
  const note = sign(draft.text, ledger.origin, ledger.key);
  const file = path.join(folder, `${id}.open`);
  writeWhole(file, draft.salted.length ? `${note}\n${draft.salted.join("\n")}\n` : note);
  console.log(`paid ${written} ${unit.code} to ${payee}: ${await settle(ledger, file, operator)}`);
}

async function main() {
  const options = Object.fromEntries(NAMES.map((name) => [name, { type: "string" }]));
  const { values: given, positionals } = parseArgs({ options, allowPositionals: true });
  const missing = NAMES.filter((name) => !given[name]);
  if (missing.length) throw new Error(`give --${missing.join(", --")}; how this is called stands at its beginning`);
  fs.mkdirSync(given.folder, { recursive: true, mode: 0o700 });
  const ledger = new Ledger(given.server, given.origin, readKey(given.key, given["password-file"]));
  const genesis = readGenesis(await ledger.good("GET", "/entries/0"), given.origin, given.identity);
  await ledger.logIn();
  const open = fs.readdirSync(given.folder).filter((name) => name.endsWith(".open")).sort();
  const input = positionals.length ? positionals : fs.readFileSync(0, "utf8").split("\n");
  const lines = input.filter((line) => line.trim());
  const settleOpen = async (name) => {
    const done = await settle(ledger, path.join(given.folder, name), genesis.operator);
    console.log(`settled, open since last time: ${done}`);
  };
  const tasks = [
    ...open.map((name) => () => settleOpen(name)),
    ...lines.map((line) => () => pay(ledger, given, genesis, line)),
  ];
  for (const task of tasks) {
    try {
      await task();
    } catch (error) {
      if (!(error instanceof Refused || error instanceof Unknown)) throw error;
      console.error(error.message);
      process.exitCode = 1;
    }
  }
  const position = await ledger.good("GET", `/accounts/${ledger.key.holder}`);
  console.log(`available: ${decimals(position.available, genesis.unit.scale)} ${genesis.unit.code}`);
}

// Refused or unknown 1, misused 2 (a flag, a file, a password), stopped 3.
main().catch((error) => {
  const nobody = error instanceof Refused || error instanceof Unknown;
  console.error(error instanceof Broken ? `STOP: ${error.message}` : error.message);
  process.exitCode = error instanceof Broken ? 3 : nobody ? 1 : 2;
});
