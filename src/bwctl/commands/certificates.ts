/** `ha init`, `ha cert`, `ha revoke`: a CA in a directory, for pairs that have none. No node is asked. */
import { isDnsName } from '../../control/config/endpoint.js';
import {
  addCertificate,
  initDirectory,
  revoke,
  type Written,
} from '../../sync/certificates/directory.js';
import { CommandError } from '../errors.js';
import type { Output } from '../output.js';

const DAYS = 825;
/** Names of files that are the CA's. */
const RESERVED = ['ca', 'crl'];

/** A CA and the certificates of the nodes. */
export async function init(out: Output, path: string, nodes: string, days?: string): Promise<void> {
  const names = nodes.split(',').map((name) => name.trim());
  for (const name of names) checkName(name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw usage(`${twice} is named twice`);
  const written = initDirectory(path, names, parseDays(days));
  await out.show(written, (value) => [
    ...listed(value),
    `to each node: ca.pem, crl.pem, its own .pem and .key; ca.key stays here, and is not needed there`,
    `api: {listen: ADDRESS:7443, tls: {ca: ca.pem, cert: NAME.pem, key: NAME.key, crl: crl.pem}}`,
  ]);
}

/** One more certificate, or a new one in the place of an old one. */
export async function cert(
  out: Output,
  path: string,
  name: string,
  { days, renew = false }: { days?: string; renew?: boolean },
): Promise<void> {
  checkName(name);
  const written = addCertificate(path, name, { days: parseDays(days), renew });
  await out.show(written, listed);
}

/** Puts a certificate on the list of revocations. */
export async function takeBack(out: Output, path: string, which: string): Promise<void> {
  await out.show(revoke(path, which), ({ file, serial }) => [
    `revoked ${serial}`,
    `${file} to all nodes: each reads it at once, where api.tls.crl names it`,
  ]);
}

function listed({ files, expires }: Written): string[] {
  return [...files.map((file) => `wrote ${file}`), `valid until ${expires}`];
}

function checkName(name: string): void {
  if (!isDnsName(name) || RESERVED.includes(name.toLowerCase())) {
    throw usage(`"${name}" is no name for a node or a client; write it as fw1 or dash.example.org`);
  }
}

function parseDays(text = String(DAYS)): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text) || Number(text) > 3649) {
    throw usage(`--days ${text}: expected 1 to 3649`);
  }
  return Number(text);
}

function usage(message: string): CommandError {
  return new CommandError('EUSAGE', message);
}
