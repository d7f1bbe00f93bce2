/** The files of `api.tls`, read and found to belong together. */
import {
  constants,
  createHash,
  createPrivateKey,
  type KeyObject,
  X509Certificate,
} from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { TlsConfig } from '../../control/config/index.js';
import { ChannelError } from './errors.js';
import { isNamed, namesOf } from './names.js';

/** What a node shows, and what it believes. */
export interface Material {
  /** The node's own certificate. */
  readonly own: X509Certificate;
  /** Those who are believed. */
  readonly authorities: readonly X509Certificate[];
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
  /** Differs when the CA or its list of revocations does. */
  readonly trust: string;
  /** Differs when anything does. */
  readonly all: string;
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/**
 * Reads and checks the files. An expired certificate is no error here: the other end refuses it.
 *
 * @param node the name that the certificate must have, or null
 * @throws ChannelError `ECERTIFICATE`
 */
export async function readMaterial(tls: TlsConfig, node: string | null): Promise<Material> {
  const ca = await read('ca', tls.ca);
  const cert = await read('cert', tls.cert);
  const key = await readKey(tls.key);
  const crl = tls.crl === null ? null : await read('crl', tls.crl);
  const authorities = certificates('ca', tls.ca, ca);
  const chain = certificates('cert', tls.cert, cert);
  const own = chain[0]!;
  if (!own.checkPrivateKey(privateKey(tls.key, key))) {
    throw unusable('key', tls.key, `is not the key of ${tls.cert}`);
  }
  if (node !== null && !isNamed(own, node)) {
    const names = namesOf(own) || 'nobody';
    throw unusable('cert', tls.cert, `names ${names} in subjectAltName, not this node, ${node}`);
  }
  const last = chain.at(-1)!;
  const signs = (by: X509Certificate) => last.checkIssued(by) && last.verify(by.publicKey);
  if (!authorities.some(signs)) {
    throw unusable('cert', tls.cert, `was not signed by ${tls.ca}`);
  }
  const options: SecureContextOptions = {
    ca,
    cert,
    key,
    ...(crl === null ? {} : { crl }),
    minVersion: 'TLSv1.3',
    // A resumed session would keep the verdict on a certificate that was revoked meanwhile.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  const trust = digest(ca, crl ?? '');
  const all = digest(trust, cert, key);
  return { own, authorities, options, context: context(tls, options), trust, all };
}

function context(tls: TlsConfig, options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    // All other files were parsed before.
    const what = (error as { reason?: string }).reason ?? String(error);
    throw unusable('crl', tls.crl ?? tls.cert, `is not usable: ${what}`, error);
  }
}

async function read(what: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw unusable(what, path, code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`);
  }
}

async function readKey(path: string): Promise<string> {
  const key = await read('key', path);
  if (((await stat(path)).mode & 0o007) !== 0) {
    throw unusable('key', path, `may be read by everybody: chmod 600 ${path}`);
  }
  return key;
}

function certificates(what: string, path: string, text: string): X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? [];
  try {
    const found = blocks.map((block) => new X509Certificate(block));
    if (found.length > 0) return found;
  } catch (error) {
    throw unusable(what, path, 'holds a certificate that is none', error);
  }
  throw unusable(what, path, 'holds no certificate in PEM');
}

function privateKey(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw unusable('key', path, 'holds no private key in PEM without a password', error);
  }
}

function unusable(what: string, path: string, why: string, cause?: unknown): ChannelError {
  return new ChannelError('ECERTIFICATE', `api.tls.${what}: ${path}: ${why}`, { cause });
}

function digest(...texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(`${text.length}:`).update(text);
  return hash.digest('hex');
}
