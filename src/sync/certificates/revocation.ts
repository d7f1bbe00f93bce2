/** The list of certificates that a CA has taken back (a CRL). */
import {
  AUTHORITY_KEY,
  type Authority,
  authorityKey,
  CRL_NUMBER,
  ECDSA_SHA256,
  extension,
  pem,
  signed,
  subjectOf,
  type Validity,
} from './certificate.js';
import { integer, sequence, tagged, time, type Value, values } from './der.js';

/** One that was taken back. */
export interface Revoked {
  /** Hexadecimal, as `X509Certificate.serialNumber` has it. */
  readonly serial: string;
  readonly at: Date;
}

/** The list as PEM. `number` must grow from one list to the next. */
export function writeRevocations(
  authority: Authority,
  revoked: readonly Revoked[],
  number: number,
  validity: Validity,
): string {
  const entries = revoked.map(({ serial, at }) =>
    sequence(integer(Buffer.from(serial, 'hex')), time(at)),
  );
  const tbs = sequence(
    integer(1),
    ECDSA_SHA256,
    subjectOf(authority.cert),
    time(validity.from),
    time(validity.until),
    ...(entries.length === 0 ? [] : [sequence(...entries)]),
    tagged(
      0,
      sequence(
        extension(AUTHORITY_KEY, authorityKey(authority)),
        extension(CRL_NUMBER, integer(number)),
      ),
    ),
  );
  return pem('X509 CRL', signed(authority.key, tbs));
}

/** What stands in a list of ours. Throws RangeError when it is none. */
export function readRevocations(text: string): { revoked: Revoked[]; number: number } {
  const base64 = /-----BEGIN X509 CRL-----([\s\S]+?)-----END X509 CRL-----/.exec(text)?.[1];
  if (base64 === undefined) throw new RangeError('no X509 CRL');
  const [whole] = values(Buffer.from(base64, 'base64'));
  const [tbs] = values(whole?.content ?? Buffer.alloc(0));
  const fields = values(tbs?.content ?? Buffer.alloc(0));
  // version, algorithm, issuer, this update, next update, then the entries if there are any.
  const entries = fields[5]?.tag === 0x30 ? values(fields[5].content) : [];
  const last = fields.at(-1);
  return {
    revoked: entries.map(({ content }) => {
      const [serial, at] = values(content);
      if (serial === undefined || at === undefined) throw new RangeError('not a list of ours');
      return { serial: hexOf(serial.content), at: readTime(at) };
    }),
    number: last?.tag === 0xa0 ? numberOf(last) : 0,
  };
}

function hexOf(number: Buffer): string {
  const digits = number.toString('hex').toUpperCase();
  return digits.startsWith('00') && digits.length > 2 ? digits.slice(2) : digits;
}

function numberOf(extensions: Value): number {
  const wanted = extension(CRL_NUMBER, integer(0));
  const [like] = values(wanted);
  const [id] = values(like!.content);
  for (const { content } of values(values(extensions.content)[0]!.content)) {
    const [found, ...rest] = values(content);
    if (!found!.whole.equals(id!.whole)) continue;
    return Number(`0x${values(rest.at(-1)!.content)[0]!.content.toString('hex')}`);
  }
  return 0;
}

function readTime({ tag, content }: Value): Date {
  const digits = content.toString('ascii');
  const full = tag === 0x17 ? `${Number(digits.slice(0, 2)) < 50 ? '20' : '19'}${digits}` : digits;
  const at = full.replace(/^(....)(..)(..)(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return new Date(at);
}
