/** What a certificate calls its owner. Only DNS names of subjectAltName count, to the letter. */
import type { X509Certificate } from 'node:crypto';

/** Whether the certificate is that of `name`; wildcards are nobody's name. */
export function isNamed(cert: X509Certificate, name: string): boolean {
  const exact = { subject: 'never', wildcards: false, partialWildcards: false } as const;
  return cert.checkHost(name, exact) !== undefined;
}

/** Its DNS names for people, at most 100 characters of them; '' when there are none. */
export function namesOf(cert: X509Certificate | undefined): string {
  const found = (cert?.subjectAltName ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:'))
    .map((entry) => entry.slice(4));
  return found.join(' ').slice(0, 100);
}
