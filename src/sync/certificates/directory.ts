/** A directory with a CA and what it signed: `ca.pem`, `ca.key`, `crl.pem`, `NAME.pem`, `NAME.key`. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectories } from '../../control/directories.js';
import { type Authority, issue, makeAuthority, type Validity } from './certificate.js';
import { type Revoked, readRevocations, writeRevocations } from './revocation.js';

const DAY_MS = 86_400_000;
const AUTHORITY_DAYS = 3650;
/** Clocks of two machines differ. */
const BEFORE_MS = 3_600_000;

/** Something is in the way, or missing; the message is one line. */
export class DirectoryError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DirectoryError';
  }
}

/** What was written. */
export interface Written {
  readonly files: readonly string[];
  /** ISO 8601: when the certificates end. */
  readonly expires: string;
}

/**
 * Makes a CA, and a certificate for each name that is valid for `days`.
 *
 * @throws DirectoryError when one of the files is there already; then nothing was written
 */
export function initDirectory(path: string, names: readonly string[], days: number): Written {
  const files = ['ca.pem', 'ca.key', 'crl.pem', ...names.flatMap((name) => filesFor(name))];
  const there = files.find((file) => existsSync(join(path, file)));
  if (there !== undefined) {
    throw new DirectoryError(`${join(path, there)} is there already; it stays as it is`);
  }
  makeDirectories(path, 0o700);
  const validity = from(AUTHORITY_DAYS);
  const made = makeAuthority(`bridgewall ${names.join(' ')}`, validity);
  const authority = { cert: new X509Certificate(made.cert), key: createPrivateKey(made.key) };
  create(join(path, 'ca.key'), made.key, 0o600);
  create(join(path, 'ca.pem'), made.cert, 0o644);
  create(join(path, 'crl.pem'), list(authority, [], 1), 0o644);
  for (const name of names) {
    const issued = issue(authority, name, from(days));
    create(join(path, `${name}.key`), issued.key, 0o600);
    create(join(path, `${name}.pem`), issued.cert, 0o644);
  }
  return { files: files.map((file) => join(path, file)), expires: from(days).until.toISOString() };
}

/**
 * One more certificate of the CA of `initDirectory`; with `renew` in the place of the one before, which is
 * kept as `NAME.old.pem` and holds until it ends or is taken back.
 *
 * @throws DirectoryError
 */
export function addCertificate(
  path: string,
  name: string,
  { days, renew }: { days: number; renew: boolean },
): Written {
  const authority = readAuthority(path);
  const validity = from(days);
  if (validity.until > new Date(authority.cert.validTo)) {
    throw new DirectoryError(`the CA itself ends on ${authority.cert.validTo}; ask for fewer days`);
  }
  const [cert, key] = filesFor(name).map((file) => join(path, file)) as [string, string];
  const there = [cert, key].find((file) => existsSync(file));
  if (renew !== (there !== undefined)) {
    throw new DirectoryError(
      renew ? `there is no ${cert} to renew` : `${there} is there already; --renew replaces it`,
    );
  }
  const issued = issue(authority, name, validity);
  if (renew) {
    if (existsSync(cert)) renameSync(cert, join(path, `${name}.old.pem`));
    rmSync(key, { force: true });
  }
  create(key, issued.key, 0o600);
  create(cert, issued.cert, 0o644);
  return { files: [cert, key], expires: validity.until.toISOString() };
}

/**
 * Puts a certificate on the CA's list of revocations.
 *
 * @param which a name, or the path of a certificate
 * @returns the list's file, and the certificate's serial number
 * @throws DirectoryError
 */
export function revoke(path: string, which: string): { file: string; serial: string } {
  const authority = readAuthority(path);
  const beside = join(path, `${which}.pem`);
  const cert = readCertificate(existsSync(beside) ? beside : which);
  if (!cert.verify(authority.cert.publicKey)) {
    throw new DirectoryError(`${which} was not signed by ${join(path, 'ca.pem')}`);
  }
  const file = join(path, 'crl.pem');
  const { revoked, number } = readList(file);
  const serial = cert.serialNumber;
  if (!revoked.some((earlier) => earlier.serial === serial)) {
    const draft = `${file}.new`;
    rmSync(draft, { force: true });
    create(draft, list(authority, [...revoked, { serial, at: new Date() }], number + 1), 0o644);
    renameSync(draft, file);
  }
  return { file, serial };
}

function filesFor(name: string): [cert: string, key: string] {
  return [`${name}.pem`, `${name}.key`];
}

function from(days: number): Validity {
  const now = Date.now();
  return { from: new Date(now - BEFORE_MS), until: new Date(now + days * DAY_MS) };
}

/** The list is made when something changes, so it holds as long as the CA does. */
function list(authority: Authority, revoked: readonly Revoked[], number: number): string {
  const validity = {
    from: new Date(Date.now() - BEFORE_MS),
    until: new Date(authority.cert.validTo),
  };
  return writeRevocations(authority, revoked, number, validity);
}

function readAuthority(path: string): Authority {
  const cert = readCertificate(join(path, 'ca.pem'));
  const file = join(path, 'ca.key');
  try {
    const key = createPrivateKey(readText(file));
    if (cert.checkPrivateKey(key) && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') {
      return { cert, key };
    }
  } catch (error) {
    if (error instanceof DirectoryError) throw error;
    throw new DirectoryError(`${file} is no private key`, { cause: error });
  }
  throw new DirectoryError(`${file} is no key of bwctl ha init for the ca.pem beside it`);
}

function readCertificate(file: string): X509Certificate {
  const text = readText(file);
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw new DirectoryError(`${file} is no certificate`, { cause: error });
  }
}

function readList(file: string): { revoked: Revoked[]; number: number } {
  const text = readText(file);
  try {
    return readRevocations(text);
  } catch (error) {
    throw new DirectoryError(`${file} is no list of revocations`, { cause: error });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why = code === 'ENOENT' ? 'there is no' : `${code}:`;
    throw new DirectoryError(`${why} ${file}`, { cause: error });
  }
}

/** Never writes over anything. */
function create(file: string, content: string, mode: number): void {
  try {
    writeFileSync(file, content, { flag: 'wx', mode });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    throw new DirectoryError(`${file} cannot be written (${code})`, { cause: error });
  }
}
