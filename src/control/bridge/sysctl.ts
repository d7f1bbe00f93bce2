/** Settings under /proc/sys/net, which always shows the namespace of the process that opens it. */
import { readFile, writeFile } from 'node:fs/promises';

const ROOT = '/proc/sys/net';

/** IPv6 off on one interface. Nothing to do on a kernel without IPv6. Resolves true when it was on. */
export async function disableIpv6(link: string): Promise<boolean> {
  return await ensure(`${ROOT}/ipv6/conf/${link}/disable_ipv6`, '1');
}

/**
 * Keeps bridged frames out of the IP hooks of this namespace. br_netfilter may be absent; where it
 * is built in, it would drop every IPv6 frame of a bridge whose devices have IPv6 off. Resolves true
 * when some of it was on.
 */
export async function disableBridgeNetfilter(): Promise<boolean> {
  let changed = false;
  for (const family of ['iptables', 'ip6tables', 'arptables']) {
    changed = (await ensure(`${ROOT}/bridge/bridge-nf-call-${family}`, '0')) || changed;
  }
  return changed;
}

/** Resolves true when the setting was there and was another. */
async function ensure(path: string, value: string): Promise<boolean> {
  try {
    if ((await readFile(path, 'utf8')).trim() === value) return false;
    await writeFile(path, value, { flag: 'r+' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
