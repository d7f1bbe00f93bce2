/**
 * Certificates for a pair that has no CA of its own: one shape (X.509 v3, EC P-256, ECDSA with SHA-256),
 * written as RFC 5280 has it. OpenSSL reads them at every handshake, and so do the tests.
 */
import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  type X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import {
  bits,
  implicit,
  integer,
  octets,
  oid,
  sequence,
  set,
  tagged,
  text,
  time,
  values,
  yes,
} from './der.js';

/** From when until when something holds. */
export interface Validity {
  readonly from: Date;
  readonly until: Date;
}

/** A certificate and its key, as PEM. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

/** Who signs: the CA's certificate and its key. */
export interface Authority {
  readonly cert: X509Certificate;
  readonly key: KeyObject;
}

export const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const COMMON_NAME = '2.5.4.3';
const SUBJECT_KEY = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const ALT_NAME = '2.5.29.17';
const CONSTRAINTS = '2.5.29.19';
export const CRL_NUMBER = '2.5.29.20';
export const AUTHORITY_KEY = '2.5.29.35';
const EXTENDED_USAGE = '2.5.29.37';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** A CA that vouches for itself, and for nobody who would vouch for others. */
export function makeAuthority(name: string, validity: Validity): Issued {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = commonName(name);
  const keyId = keyIdentifier(pair.publicKey);
  return {
    cert: certificate(pair.privateKey, {
      issuer: subject,
      subject,
      validity,
      publicKey: pair.publicKey,
      extensions: [
        extension(CONSTRAINTS, sequence(yes(), integer(0)), true),
        // keyCertSign, cRLSign
        extension(KEY_USAGE, bits(Buffer.from([0b0000_0110]), 1), true),
        extension(SUBJECT_KEY, octets(keyId)),
        extension(AUTHORITY_KEY, sequence(implicit(0, keyId))),
      ],
    }),
    key: pemOf(pair.privateKey),
  };
}

/** A certificate for whoever is called `name`, with a key of its own; for both ends of a connection. */
export function issue(authority: Authority, name: string, validity: Validity): Issued {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    cert: certificate(authority.key, {
      issuer: subjectOf(authority.cert),
      subject: commonName(name),
      validity,
      publicKey: pair.publicKey,
      extensions: [
        extension(CONSTRAINTS, sequence(), true),
        // digitalSignature
        extension(KEY_USAGE, bits(Buffer.from([0b1000_0000]), 7), true),
        extension(EXTENDED_USAGE, sequence(oid(SERVER_AUTH), oid(CLIENT_AUTH))),
        extension(ALT_NAME, sequence(alternative(name))),
        extension(SUBJECT_KEY, octets(keyIdentifier(pair.publicKey))),
        extension(AUTHORITY_KEY, authorityKey(authority)),
      ],
    }),
    key: pemOf(pair.privateKey),
  };
}

/** What stands in an extension that says whose key signed. */
export function authorityKey({ cert }: Authority): Buffer {
  return sequence(implicit(0, keyIdentifier(cert.publicKey)));
}

/** The subject of a certificate, to the byte. */
export function subjectOf(cert: X509Certificate): Buffer {
  const [whole] = values(cert.raw);
  const [tbs] = values(whole!.content);
  const fields = values(tbs!.content);
  // [0] version, serial, algorithm, issuer, validity, subject
  return fields[fields[0]!.tag === 0xa0 ? 5 : 4]!.whole;
}

export function extension(id: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(id), ...(critical ? [yes()] : []), octets(value));
}

/** Signs what stands in `tbs`. */
export function signed(key: KeyObject, tbs: Buffer): Buffer {
  return sequence(tbs, ECDSA_SHA256, bits(sign('sha256', tbs, key)));
}

export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

interface Contents {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly validity: Validity;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

function certificate(key: KeyObject, contents: Contents): string {
  const { issuer, subject, validity, publicKey, extensions } = contents;
  const tbs = sequence(
    tagged(0, integer(2)),
    integer(serial()),
    ECDSA_SHA256,
    issuer,
    sequence(time(validity.from), time(validity.until)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensions)),
  );
  return pem('CERTIFICATE', signed(key, tbs));
}

/** 127 random bits, none of them a sign, and never zero. */
function serial(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

function commonName(name: string): Buffer {
  return sequence(set(sequence(oid(COMMON_NAME), text(name.slice(0, 64)))));
}

function alternative(name: string): Buffer {
  if (isIP(name) !== 0) throw new RangeError('a name, not an address');
  return implicit(2, Buffer.from(name, 'ascii'));
}

/** SHA-1 of the key's bits: a name for it, not a safeguard. */
function keyIdentifier(publicKey: KeyObject): Buffer {
  const [spki] = values(publicKey.export({ type: 'spki', format: 'der' }));
  const [, key] = values(spki!.content);
  return createHash('sha1').update(key!.content.subarray(1)).digest();
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }) as string;
}
