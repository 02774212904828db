// Ed25519 (RFC 8032), strict: docs/formats.md, Keys and signatures. Signatures are verified by Node; what a key may be
// is asked of the point itself.

import crypto from "node:crypto";
import { check, sha256, unbase64 } from "./formats.mjs";

const P = 2n ** 255n - 19n;
const L = 2n ** 252n + 27742317777372353535851937790883648493n; // the order of the group
const mod = (n) => ((n % P) + P) % P;

function power(base, exponent) {
  let [result, square] = [1n, mod(base)];
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

const D = mod(-121665n * power(121666n, P - 2n));
const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n);
const yOf = (octets) => BigInt(`0x${Buffer.from(octets).reverse().toString("hex")}`) & (2n ** 255n - 1n);

// x and y of an encoded point, or null (section 5.1.3).
function decodePoint(octets) {
  const y = yOf(octets);
  if (y >= P) return null;
  const square = mod((y * y - 1n) * power(D * y * y + 1n, P - 2n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * ROOT_OF_MINUS_1);
  const odd = BigInt(octets[31] >> 7);
  if (mod(x * x) !== square || (x === 0n && odd)) return null;
  return [(x & 1n) === odd ? x : mod(-x), y];
}

const NOTHING = [0n, 1n, 1n];

// Addition in projective coordinates, complete on this curve, doubling as well.
function add([x1, y1, z1], [x2, y2, z2]) {
  const a = mod(z1 * z2), b = mod(a * a), c = mod(x1 * x2), d = mod(y1 * y2), e = mod(D * c * d);
  const [f, g] = [mod(b - e), mod(b + e)];
  return [mod(a * f * ((x1 + y1) * (x2 + y2) - c - d)), mod(a * g * (d + c)), mod(f * g)];
}

function times(n, point) {
  let [result, double] = [NOTHING, point];
  for (let rest = n; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = add(result, double);
    double = add(double, double);
  }
  return result;
}

const isNothing = ([x, y, z]) => x === 0n && y === z;
const asked = new Map();

// Whether a key may be registered: canonical, of the subgroup of prime order, and not its neutral element.
export function isKey(octets) {
  const name = octets.toString("hex");
  if (!asked.has(name)) {
    const point = decodePoint(octets);
    asked.set(name, point !== null && point[1] !== 1n && isNothing(times(L, [...point, 1n])));
  }
  return asked.get(name);
}

export const decodeKey = (text, where) => {
  const found = unbase64(text, 33, where);
  check(found[0] === 1 && isKey(found.subarray(1)), `${where}: not a key`);
  return found.subarray(1);
};

export const keyId = (name, key) => sha256(name, "\n", [1], key).subarray(0, 4);

// Of the points whose order divides 8, the y.
const Y_OF_8 = yOf(Buffer.from("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", "hex"));
const SMALL = [0n, 1n, P - 1n, Y_OF_8, P - Y_OF_8];

// OpenSSL compares the encoded R, without cofactor, and asks that S is below L; that R is no small point is asked here.
export function verifies(key, signature, text) {
  if (signature.length !== 64 || SMALL.includes(yOf(signature.subarray(0, 32)))) return false;
  const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), key]); // RFC 8410
  const publicKey = crypto.createPublicKey({ key: der, format: "der", type: "spki" });
  return crypto.verify(null, Buffer.from(text), publicKey, signature);
}
