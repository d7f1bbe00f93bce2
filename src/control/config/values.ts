/** Values of the node file that have a grammar of their own. */

import { dirname, isAbsolute, normalize, resolve } from 'node:path';
import { type DurationUnit, durationSeconds, UNIT_SECONDS } from '../duration.js';
import type { Located } from './located.js';

/** What the kernel allows less what would need quoting in nft, in a path or on a command line. */
const INTERFACE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,14}$/;
/** A DNS label: it is part of socket paths, of pins (bpffs refuses dots) and of certificates. */
const NODE_NAME = /^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;
const RATE = /^([1-9][0-9]{0,8})\/(s|m|h)$/;
const LONGEST = 365 * 86_400;
/** sun_path less its closing zero. */
const SOCKET_PATH_BYTES = 107;

export function interfaceName(value: Located): string {
  const name = value.string();
  if (!INTERFACE_NAME.test(name)) {
    throw value.error(
      'invalid',
      `${value.name}: ${JSON.stringify(name)} is no interface name`,
      'up to 15 letters, digits and . _ @ + -',
    );
  }
  return name;
}

export function nodeName(value: Located): string {
  const name = value.string();
  if (!NODE_NAME.test(name)) {
    throw value.error(
      'invalid',
      `${value.name}: ${JSON.stringify(name)} is no node name`,
      'letters, digits and inner dashes, at most 63',
    );
  }
  return name;
}

export function absolutePath(value: Located): string {
  const path = value.string();
  if (!isAbsolute(path) || path.includes('\0')) {
    throw value.error('invalid', `${value.name} must be an absolute path`, 'begin it with /');
  }
  return normalize(path);
}

/** A file's path, absolute; a relative one begins in the directory of the node file. */
export function fileBeside(value: Located, nodeFile: string): string {
  const path = value.string();
  if (path.includes('\0')) {
    throw value.error('invalid', `${value.name} must be the path of a file`);
  }
  return resolve(dirname(nodeFile), path);
}

export function socketPath(value: Located): string {
  const path = absolutePath(value);
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES) {
    throw value.error(
      'invalid',
      `${value.name} is longer than a socket's path may be`,
      `at most ${SOCKET_PATH_BYTES} bytes`,
    );
  }
  return path;
}

/** `100/s`, `30/m`, `500/h` as whole records per second, at least 1. */
export function ratePerSecond(value: Located): number {
  const match = RATE.exec(value.string());
  if (match === null) {
    throw value.error('invalid', `${value.name} is no rate`, 'write it as 100/s, 30/m or 500/h');
  }
  const [, count = '', unit = ''] = match;
  return Math.max(1, Math.round(Number(count) / UNIT_SECONDS[unit as DurationUnit]));
}

/** `30s`, `90m`, `5d` or `1h30m` as seconds, at most a year. */
export function seconds(value: Located): number {
  const text = value.text();
  const sum = durationSeconds(text);
  if (sum === null) {
    const hint = /^\d+$/.test(text) ? `a unit is missing: ${text}s?` : 'write it as 30s, 90m or 5d';
    throw value.error('invalid', `${value.name} is no duration`, hint);
  }
  if (sum < 1 || sum > LONGEST) {
    throw value.error('invalid', `${value.name}: ${text} is not between 1s and 365d`);
  }
  return sum;
}
