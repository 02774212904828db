// Who governs a ledger and runs it, and whose keys are live, as far as the key entries of a receipt show it:
// docs/formats.md (Receipt) and docs/kinds.md (who signs; Keys over time).

import { check, isId, list } from "./formats.mjs";
import { decodeKey } from "./keys.mjs";

export const KEY_EVENTS = ["key_added", "key_rotated", "recovery_completed"];

// The kinds whose notes make the keys of administrators and the clerk live.
const BY_NOTE = ["set_administrators", "set_clerk", "add_key", "rotate_key", "recover", "complete_recovery"];

// The holders' keys that a text of this kind names for the first time, each of which signs it.
export function newKeys(kind, object, where) {
  const signer = (holder, key) => {
    check(isId(holder), `${where}: not a holder's id`);
    return { holder, key: decodeKey(key, where) };
  };
  const pair = (named) => signer(named?.holder, named?.key);
  switch (kind) {
    case "genesis":
      return [...list(object.administrators, where).map(pair), pair(object.clerk)];
    case "admit":
      return object.key === undefined ? [] : [signer(object.id, object.key)];
    case "register_holder":
      return [signer(object.id, object.key)];
    case "add_key":
    case "rotate_key":
    case "recover":
    case "complete_recovery":
      return [signer(object.holder, object.key)];
    case "set_administrators":
      return list(object.new ?? [], where).map(pair);
    case "set_clerk":
      return [pair(object.clerk)];
    default:
      return [];
  }
}

export class Authority {
  constructor(genesis) {
    this.operator = decodeKey(genesis.operator, "genesis");
    this.administrators = new Set(genesis.administrators.map(({ holder }) => holder));
    this.needed = genesis.authority;
    this.clerk = genesis.clerk.holder;
    this.byNote = new Set([...this.administrators, this.clerk]); // whose keys notes alone may show
    this.byEvent = new Set();
    this.keys = newKeys("genesis", genesis, "genesis").map((signer) => ({ ...signer, since: 0 }));
    this.registered = new Set();
    for (const key of [this.operator, ...this.keys.map(({ key }) => key)]) this.register(key, "genesis");
    this.changed = 0; // the last change of administrators
    this.operatorSince = 0;
    this.recoveries = new Map();
    this.shown = new Set();
    this.needless = new Set(); // the entries shown to which nothing has led so far
  }

  // A key that an entry before this log index made live.
  live(isThis, index) {
    const found = this.keys.find((signer) => signer.since < index && isThis(signer));
    if (found) this.needless.delete(found.since);
    return found;
  }

  register(key, where) {
    const name = key.toString("hex");
    check(!this.registered.has(name), `${where}: a key that was registered before`);
    this.registered.add(name);
  }

  add(holder, key, since, where) {
    this.register(key, where);
    this.keys.push({ holder, key, since });
  }

  event(holder, key, since, where) {
    check(isId(holder), `${where}: not a holder's id`);
    this.needless.add(since);
    this.byEvent.add(holder);
    this.add(holder, decodeKey(key, where), since, where);
  }

  // --- key entries that are shown as notes

  note(asked, index, signers, where) {
    this.needless.add(index);
    const { kind, object } = asked;
    if (kind === "set_administrators") this.setAdministrators(object, index, signers, where);
    else if (kind === "set_operator") this.setOperator(object, index, signers, where);
    else if (kind === "set_clerk") this.setClerk(object, index, signers, where);
    else if (kind === "add_key" || kind === "rotate_key") this.ownKey(object, index, signers, where);
    else if (kind === "recover") this.recover(object, index, signers, where);
    else if (kind === "complete_recovery") this.completeRecovery(object, index, signers, where);
    else check(false, `${where}: a note of the kind ${kind} makes no key live`);
  }

  setAdministrators({ administrators, authority, new: added = [], was }, index, signers, where) {
    check(was === this.changed, `${where}: the change of administrators before it is not shown`);
    this.checkEnough("set_administrators", signers, where);
    const after = new Set(list(administrators, where));
    check([...after].every(isId) && after.size === administrators.length, `${where}: not the ids of administrators`);
    check(this.count(signers, after) >= wanted(authority, "set_administrators"), `${where}: too few of the new sign`);
    this.checkNobodyElse(signers, new Set([...this.administrators, ...after]), where);
    for (const { holder } of added) check(after.has(holder), `${where}: a key of nobody's`);
    Object.assign(this, { administrators: after, needed: authority, changed: index });
    for (const holder of after) this.byNote.add(holder);
    const named = newKeys("set_administrators", { new: added }, where);
    for (const { holder, key } of named) this.add(holder, key, index, where);
  }

  setOperator({ operator }, index, signers, where) {
    this.checkEnough("set_operator", signers, where);
    this.checkNobodyElse(signers, this.administrators, where);
    const key = decodeKey(operator, where);
    this.register(key, where);
    [this.operator, this.operatorSince] = [key, index];
  }

  setClerk({ clerk }, index, signers, where) {
    check(clerk.holder === this.clerk, `${where}: not the clerk`);
    this.checkEnough("set_clerk", signers, where);
    this.checkNobodyElse(signers, new Set([...this.administrators, this.clerk]), where);
    this.add(clerk.holder, decodeKey(clerk.key, where), index, where);
  }

  ownKey({ holder, key }, index, signers, where) {
    check(this.byNote.has(holder), `${where}: a member's key is shown by its event alone`);
    const signs = signers.some((signer) => signer.holder === holder && !signer.fresh);
    check(signs, `${where}: no live key of the holder signs`);
    this.checkNobodyElse(signers, new Set([holder]), where);
    this.add(holder, decodeKey(key, where), index, where);
  }

  recover({ id, holder, key }, index, signers, where) {
    check(this.byNote.has(holder), `${where}: a member's key is shown by its event alone`);
    this.checkEnough("recover", signers, where);
    this.checkNobodyElse(signers, new Set([...this.administrators, holder]), where);
    this.recoveries.set(id, { holder, key, index });
  }

  completeRecovery({ recovery, holder, key }, index, signers, where) {
    const started = this.recoveries.get(recovery);
    check(started?.holder === holder && started.key === key, `${where}: the recovery that it completes is not shown`);
    this.checkNobodyElse(signers, new Set([holder]), where);
    this.recoveries.delete(recovery);
    this.needless.delete(started.index);
    this.add(holder, decodeKey(key, where), index, where);
  }

  // --- the end

  // The keys that the receipt's own entry makes live.
  ownEntry({ kind, object }, index, signers) {
    if (kind === "set_operator" && index > this.operatorSince) this.setOperator(object, index, signers, "entry");
    if (kind === "genesis") return;
    const named = newKeys(kind, object, "entry");
    const isOffice = named.some(({ holder }) => this.byNote.has(holder));
    check(!isOffice || BY_NOTE.includes(kind), "entry: a key of an administrator or the clerk");
    for (const { holder, key } of named) if (!this.knows(holder, key, index)) this.register(key, "entry");
  }

  end() {
    const isOffice = [...this.byEvent].some((holder) => this.byNote.has(holder));
    check(!isOffice, "keys: an office's key is shown by its note alone");
    this.needless.delete(this.operatorSince);
    check(this.needless.size === 0, `keys: nothing leads to entry ${[...this.needless][0]}`);
  }

  // --- parts

  // Whether the receipt's own entry is among its key entries, as a recovery's end may be that signs for itself.
  knows(holder, key, index) {
    return this.keys.some((signer) => signer.holder === holder && signer.since === index && signer.key.equals(key));
  }

  count(signers, holders) {
    return new Set(signers.map(({ holder }) => holder).filter((holder) => holders.has(holder))).size;
  }

  checkEnough(kind, signers, where) {
    this.needless.delete(this.changed);
    const enough = this.count(signers, this.administrators) >= wanted(this.needed, kind);
    check(enough, `${where}: too few administrators sign`);
  }

  checkNobodyElse(signers, holders, where) {
    check(signers.every(({ holder }) => holders.has(holder)), `${where}: signed by somebody who has no part in it`);
  }
}

// How many administrators the authority asks for.
function wanted(authority, kind) {
  const [who, k] = authority[kind] ?? authority.any ?? [];
  check(who === "administrators" && Number.isSafeInteger(k) && k > 0, "authority: not understood");
  return k;
}
