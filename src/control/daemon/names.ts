/** DNS names that a policy uses, resolved once when it is applied and kept in its generation. */
import { lookup } from 'node:dns/promises';
import {
  formatAddress,
  type NameUse,
  PolicyError,
  type ResolvedNames,
  readAddress,
} from '../policy/index.js';

const AT_ONCE = 16;

/** All addresses of a name, as text. Rejects when it has none. */
export type Resolve = (name: string) => Promise<readonly string[]>;

/** Asks what the machine itself asks: /etc/hosts, then DNS. */
export async function resolveByMachine(name: string): Promise<string[]> {
  const found = await lookup(name, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

/**
 * Resolves every name.
 * @throws PolicyError `unresolved`, at the place where the policy uses the name first
 */
export async function resolveNames(
  uses: readonly NameUse[],
  resolve: Resolve = resolveByMachine,
): Promise<ResolvedNames> {
  const resolved = new Map<string, readonly string[]>();
  for (let from = 0; from < uses.length; from += AT_ONCE) {
    const some = uses.slice(from, from + AT_ONCE);
    const found = await Promise.all(some.map((use) => resolveOne(use, resolve)));
    some.forEach((use, i) => {
      resolved.set(use.name, found[i]!);
    });
  }
  return resolved;
}

async function resolveOne(use: NameUse, resolve: Resolve): Promise<readonly string[]> {
  let texts: readonly string[];
  try {
    texts = await resolve(use.name);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error);
    const why = code === 'ENOTFOUND' ? 'no such name' : code;
    throw unresolved(use, `${use.name} cannot be resolved (${why})`);
  }
  const addresses = texts.flatMap((text) => {
    const address = readAddress(text);
    return address instanceof Uint8Array ? [formatAddress(address)] : [];
  });
  if (addresses.length === 0) throw unresolved(use, `${use.name} has no address`);
  // In a fixed order: a nameserver that turns its answers round changes no policy.
  return [...new Set(addresses)].sort();
}

function unresolved(use: NameUse, problem: string): PolicyError {
  return new PolicyError(
    'unresolved',
    use.position,
    problem,
    'nothing was changed; correct the name, or write addresses',
  );
}
