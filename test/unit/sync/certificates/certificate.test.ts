import { execFileSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  issue,
  makeAuthority,
  readRevocations,
  writeRevocations,
} from '../../../../src/sync/certificates/index.js';

const directory = mkdtempSync(join(tmpdir(), 'bw-cert-'));
afterAll(() => rmSync(directory, { recursive: true }));

const day = 86_400_000;
const validity = (from: number, until: number) => ({
  from: new Date(Date.now() + from * day),
  until: new Date(Date.now() + until * day),
});

function authority() {
  const made = makeAuthority('fw1 and fw2', validity(-1, 3650));
  return { made, cert: new X509Certificate(made.cert), key: createPrivateKey(made.key) };
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

/** What another implementation says, strictly. */
function openssl(...args: string[]): string {
  try {
    return execFileSync('openssl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    return (error as { stderr: string }).stderr;
  }
}

describe('certificates of a pair', () => {
  it('name the node, hold for both ends, and are what OpenSSL takes at its strictest', () => {
    const ca = authority();
    const { cert } = issue(ca, 'fw1', validity(-1, 825));
    const read = new X509Certificate(cert);
    expect(read.subjectAltName).toBe('DNS:fw1');
    expect(read.checkHost('fw1', { subject: 'never' })).toBe('fw1');
    expect(read.checkIssued(ca.cert) && read.verify(ca.cert.publicKey)).toBe(true);
    expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(read.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    const roots = ['-CAfile', file('ca.pem', ca.made.cert)];
    const leaf = file('fw1.pem', cert);
    for (const purpose of ['sslclient', 'sslserver']) {
      const strict = ['-x509_strict', '-check_ss_sig', '-purpose', purpose];
      expect(openssl('verify', ...strict, ...roots, leaf)).toBe(`${leaf}: OK\n`);
    }
  });

  it('cannot vouch for others', () => {
    const ca = authority();
    const node = issue(ca, 'fw1', validity(-1, 100));
    const forged = issue(
      { cert: new X509Certificate(node.cert), key: createPrivateKey(node.key) },
      'fw2',
      validity(-1, 100),
    );
    const chain = [
      '-CAfile',
      file('ca2.pem', ca.made.cert),
      '-untrusted',
      file('n.pem', node.cert),
    ];
    expect(openssl('verify', ...chain, file('forged.pem', forged.cert))).toContain('invalid CA');
  });

  it('hold from one day to another, beyond 2049 too', () => {
    const at = { from: new Date('2026-01-02T03:04:05Z'), until: new Date('2061-07-08T09:10:11Z') };
    const read = new X509Certificate(makeAuthority('long', at).cert);
    expect(new Date(read.validFrom)).toEqual(at.from);
    expect(new Date(read.validTo)).toEqual(at.until);
  });

  it('never share a serial number', () => {
    const ca = authority();
    const serials = Array.from(
      { length: 20 },
      () => new X509Certificate(issue(ca, 'a', validity(0, 1)).cert).serialNumber,
    );
    expect(new Set(serials).size).toBe(20);
  });
});

describe('a list of what was taken back', () => {
  it('reads as it was written', () => {
    const ca = authority();
    const revoked = [
      { serial: '7FA1', at: new Date('2026-02-03T04:05:06Z') },
      { serial: 'F00000000000000000000000000000AA', at: new Date('2055-02-03T04:05:06Z') },
    ];
    expect(readRevocations(writeRevocations(ca, revoked, 300, validity(0, 30)))).toEqual({
      revoked,
      number: 300,
    });
    expect(readRevocations(writeRevocations(ca, [], 1, validity(0, 30)))).toEqual({
      revoked: [],
      number: 1,
    });
    expect(() =>
      readRevocations('-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----'),
    ).toThrow();
  });

  it('is what OpenSSL refuses a certificate by, and no other', () => {
    const ca = authority();
    const [good, bad] = ['fw1', 'fw2'].map((name) => issue(ca, name, validity(-1, 100)).cert);
    const { serialNumber } = new X509Certificate(bad!);
    const list = writeRevocations(
      ca,
      [{ serial: serialNumber, at: new Date() }],
      2,
      validity(-1, 30),
    );
    const check = (cert: string) =>
      openssl(
        ...['verify', '-x509_strict', '-crl_check_all', '-CRLfile', file('crl.pem', list)],
        ...['-CAfile', file('ca3.pem', ca.made.cert), file('leaf.pem', cert)],
      );
    expect(check(good!)).toContain(': OK');
    expect(check(bad!)).toContain('certificate revoked');
  });
});
