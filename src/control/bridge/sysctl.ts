/** Settings under /proc/sys/net, which always shows the namespace of the process that opens it. */
import { writeFile } from 'node:fs/promises';

const ROOT = '/proc/sys/net';

/** IPv6 off on one interface. Nothing to do on a kernel without IPv6. */
export async function disableIpv6(link: string): Promise<void> {
  await writeIfThere(`${ROOT}/ipv6/conf/${link}/disable_ipv6`, '1');
}

/**
 * Keeps bridged frames out of the IP hooks of this namespace. br_netfilter may be absent; where it
 * is built in, it would drop every IPv6 frame of a bridge whose devices have IPv6 off.
 */
export async function disableBridgeNetfilter(): Promise<void> {
  for (const family of ['iptables', 'ip6tables', 'arptables']) {
    await writeIfThere(`${ROOT}/bridge/bridge-nf-call-${family}`, '0');
  }
}

async function writeIfThere(path: string, value: string): Promise<void> {
  try {
    await writeFile(path, value, { flag: 'r+' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
