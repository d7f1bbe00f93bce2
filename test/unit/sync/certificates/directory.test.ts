import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { run } from '../../../../src/bwctl/cli.js';
import {
  addCertificate,
  DirectoryError,
  initDirectory,
  revoke,
} from '../../../../src/sync/certificates/directory.js';
import { readRevocations } from '../../../../src/sync/certificates/index.js';

const made: string[] = [];

afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true });
});

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), 'bw-ha-'));
  made.push(path);
  return join(path, 'pki');
}

const certificate = (path: string, name: string) =>
  new X509Certificate(readFileSync(join(path, `${name}.pem`)));
const revoked = (path: string) =>
  readRevocations(readFileSync(join(path, 'crl.pem'), 'utf8')).revoked.map(({ serial }) => serial);

describe('a directory with a CA', () => {
  it('has what two nodes need, and keys that only their owner reads', () => {
    const path = directory();
    const { files } = initDirectory(path, ['fw1', 'fw2'], 100);
    const names = ['ca.key', 'ca.pem', 'crl.pem', 'fw1.key', 'fw1.pem', 'fw2.key', 'fw2.pem'];
    expect(readdirSync(path).sort()).toEqual(names);
    expect([...files].sort()).toEqual(names.map((name) => join(path, name)));
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of names.filter((file) => file.endsWith('.key'))) {
      expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
    }
    const ca = certificate(path, 'ca');
    const fw1 = certificate(path, 'fw1');
    expect([ca.ca, fw1.ca, fw1.subjectAltName]).toEqual([true, false, 'DNS:fw1']);
    expect(fw1.verify(ca.publicKey)).toBe(true);
    const days = (Date.parse(fw1.validTo) - Date.now()) / 86_400_000;
    expect(Math.round(days)).toBe(100);
    expect(revoked(path)).toEqual([]);
  });

  it('is never written over', () => {
    const path = directory();
    initDirectory(path, ['fw1'], 100);
    const before = readdirSync(path).map((file) => readFileSync(join(path, file), 'utf8'));
    expect(() => initDirectory(path, ['fw2'], 100)).toThrow(/ca\.pem is there already; it stays/);
    expect(() => addCertificate(path, 'fw1', { days: 9, renew: false })).toThrow(
      /fw1\.pem is there already; --renew replaces it/,
    );
    expect(readdirSync(path).map((file) => readFileSync(join(path, file), 'utf8'))).toEqual(before);
    const other = directory();
    initDirectory(other, ['x'], 1);
    for (const file of ['ca.pem', 'ca.key', 'crl.pem', 'x.key']) rmSync(join(other, file));
    expect(() => initDirectory(other, ['x'], 1)).toThrow(DirectoryError);
    expect(readdirSync(other)).toEqual(['x.pem']);
  });

  it('gives one more certificate, renews and takes back', () => {
    const path = directory();
    initDirectory(path, ['fw1', 'fw2'], 100);
    addCertificate(path, 'dash.example.org', { days: 30, renew: false });
    expect(certificate(path, 'dash.example.org').subjectAltName).toBe('DNS:dash.example.org');
    const before = certificate(path, 'fw1').serialNumber;
    addCertificate(path, 'fw1', { days: 30, renew: true });
    expect(certificate(path, 'fw1').serialNumber).not.toBe(before);
    expect(certificate(path, 'fw1.old').serialNumber).toBe(before);
    expect(() => addCertificate(path, 'fw9', { days: 30, renew: true })).toThrow(/to renew/);
    expect(() => addCertificate(path, 'fw9', { days: 4000, renew: false })).toThrow(/fewer days/);
    revoke(path, join(path, 'fw1.old.pem'));
    revoke(path, 'fw2');
    revoke(path, 'fw2');
    expect(revoked(path)).toEqual([before, certificate(path, 'fw2').serialNumber]);
  });

  it('takes back only what it gave, and needs its key', () => {
    const [path, other] = [directory(), directory()];
    initDirectory(path, ['fw1'], 100);
    initDirectory(other, ['fw1'], 100);
    expect(() => revoke(path, join(other, 'fw1.pem'))).toThrow(/was not signed by/);
    expect(() => revoke(path, 'nobody')).toThrow('there is no nobody');
    writeFileSync(join(path, 'ca.key'), readFileSync(join(other, 'ca.key')));
    expect(() => addCertificate(path, 'x', { days: 1, renew: false })).toThrow(
      /ca\.key is no key of/,
    );
    rmSync(join(path, 'ca.key'));
    expect(() => addCertificate(path, 'x', { days: 1, renew: false })).toThrow(
      /there is no .*ca\.key/,
    );
  });
});

describe('bwctl ha', () => {
  it.each([
    [['init', '--nodes', 'fw1,fw1'], 'fw1 is named twice'],
    [['init', '--nodes', 'fw1,'], '"" is no name for'],
    [['init', '--nodes', '10.0.0.1'], '"10.0.0.1" is no name for'],
    [['init', '--nodes', '../x'], '"../x" is no name for'],
    [['init', '--nodes', 'ca'], '"ca" is no name for'],
    [['init', '--nodes', 'fw1', '--days', '0'], '--days 0: expected 1 to 3649'],
    [['init'], "required option '--nodes <names>' not specified"],
  ])('refuses %j, and writes nothing', async ([word, ...words], message) => {
    const path = directory();
    const lines: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = (text: string | Uint8Array) => lines.push(String(text)) > 0;
    try {
      expect(await run(['ha', word!, path, ...words], {})).toBe(1);
    } finally {
      process.stderr.write = write;
    }
    expect(lines.join('')).toContain(message);
    expect(() => readdirSync(path)).toThrow('ENOENT');
  });
});
