/** Who runs a command, for the history. */
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import type { Caller } from '../control/service.js';

/** What the kernel says of a process that no login began. */
const NO_LOGIN = 0xffffffff;

/** Where to look; the defaults are the machine's own. */
export interface CallerSources {
  readonly loginUid?: string;
  readonly passwd?: string;
}

/**
 * The uid that this process runs as, and the name of the person: who called sudo, else who logged in,
 * else whose account it is.
 */
export async function caller(
  env: NodeJS.ProcessEnv,
  { loginUid = '/proc/self/loginuid', passwd = '/etc/passwd' }: CallerSources = {},
): Promise<Caller> {
  const uid = process.getuid?.() ?? null;
  const user = nonEmpty(env.SUDO_USER) ?? (await loginName(loginUid, passwd)) ?? accountName();
  return { user: user ?? 'unknown', uid };
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

/** A login name stays with a session through su and sudo. */
async function loginName(loginUid: string, passwd: string): Promise<string | undefined> {
  const text = await readFile(loginUid, 'utf8').catch(() => '');
  if (!/^\d+$/.test(text.trim()) || Number(text) === NO_LOGIN) return undefined;
  const accounts = await readFile(passwd, 'utf8').catch(() => '');
  const line = accounts.split('\n').find((each) => each.split(':')[2] === text.trim());
  return line?.split(':')[0] ?? `uid ${text.trim()}`;
}

/** A user id without an account has no name. */
function accountName(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    return undefined;
  }
}
