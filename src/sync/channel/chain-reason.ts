/** Why a certificate that was shown is not believed. */
import type { X509Certificate } from 'node:crypto';
import type { Material } from './material.js';
import { type RefusalReason, reasonOf } from './refusals.js';

/** @param code as `authorizationError` of a TLSSocket has it */
export function chainReason(
  code: string,
  cert: X509Certificate,
  { authorities }: Material,
): RefusalReason | undefined {
  const reason = reasonOf(code);
  // Of a CA that is not ours there is no list of revocations either, and OpenSSL misses that first.
  if (code !== 'UNABLE_TO_GET_CRL') return reason;
  const ours = authorities.some((ca) => cert.checkIssued(ca) && cert.verify(ca.publicKey));
  return ours ? reason : 'unknown-ca';
}
