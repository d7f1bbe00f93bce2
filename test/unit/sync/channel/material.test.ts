import { chmodSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TlsConfig } from '../../../../src/control/config/index.js';
import { ChannelError } from '../../../../src/sync/channel/index.js';
import { readMaterial } from '../../../../src/sync/channel/material.js';
import { days, TestAuthority } from './pair.js';

describe('files of api.tls', () => {
  let ca: TestAuthority;
  let tls: TlsConfig;

  beforeEach(() => {
    ca = new TestAuthority();
    tls = ca.issue('fw1');
  });
  afterEach(() => ca.remove());

  const complaint = async (files: TlsConfig, node: string | null = 'fw1') => {
    const error = await readMaterial(files, node).then(
      () => new Error('was accepted'),
      (failed: unknown) => failed,
    );
    expect(error).toBeInstanceOf(ChannelError);
    return (error as Error).message.replaceAll(`${ca.directory}/`, '');
  };

  it('belong together, expired or not, and may name anybody where no peer looks', async () => {
    expect((await readMaterial({ ...tls, crl: ca.crl }, 'fw1')).own.subjectAltName).toBe('DNS:fw1');
    await readMaterial(ca.issue('fw1', 'old', days(-9, -1)), 'fw1');
    await readMaterial(ca.issue('dash.example.org'), null);
  });

  it('are told apart by what is believed and what is shown', async () => {
    const first = await readMaterial({ ...tls, crl: ca.crl }, 'fw1');
    const shown = await readMaterial({ ...ca.issue('fw1'), crl: ca.crl }, 'fw1');
    expect([shown.trust === first.trust, shown.all === first.all]).toEqual([true, false]);
    ca.revoke(first.own);
    const believed = await readMaterial({ ...tls, crl: ca.crl }, 'fw1');
    expect(believed.trust).not.toBe(shown.trust);
  });

  it('are refused one by one, in one line that names the file', async () => {
    const text = ca.write('text.pem', 'nothing');
    const broken = ca.write(
      'broken.pem',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    );
    const other = new TestAuthority();
    const foreign = ca.write('foreign.pem', readFileSync(other.ca, 'utf8'));
    other.remove();
    const wild = ca.issue('*.example.org', 'wild');
    expect([
      await complaint({ ...tls, ca: `${ca.directory}/no.pem` }),
      await complaint({ ...tls, ca: text }),
      await complaint({ ...tls, cert: broken }),
      await complaint({ ...tls, key: text }),
      await complaint({ ...tls, key: ca.issue('fw2').key }),
      await complaint(ca.issue('fw2')),
      await complaint(wild, 'a.example.org'),
      await complaint({ ...tls, ca: foreign }),
      await complaint({ ...tls, crl: text }),
      await complaint({ ...tls, crl: ca.directory }),
    ]).toEqual([
      'api.tls.ca: no.pem: no such file',
      'api.tls.ca: text.pem: holds no certificate in PEM',
      'api.tls.cert: broken.pem: holds a certificate that is none',
      'api.tls.key: text.pem: holds no private key in PEM without a password',
      'api.tls.key: fw2.key: is not the key of fw1.pem',
      'api.tls.cert: fw2.pem: names fw2 in subjectAltName, not this node, fw1',
      'api.tls.cert: wild.pem: names *.example.org in subjectAltName, not this node, a.example.org',
      'api.tls.cert: fw1.pem: was not signed by foreign.pem',
      expect.stringMatching(/^api\.tls\.crl: text\.pem: is not usable: /),
      `api.tls.crl: ${ca.directory}: cannot be read (EISDIR)`,
    ]);
    chmodSync(tls.key, 0o644);
    expect(await complaint(tls)).toBe(
      'api.tls.key: fw1.key: may be read by everybody: chmod 600 fw1.key',
    );
  });
});
