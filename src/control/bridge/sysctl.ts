/** Settings under /proc/sys/net, which always shows the namespace of the process that opens it. */
import { closeSync, openSync, readSync } from 'node:fs';
import { access, writeFile } from 'node:fs/promises';

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

/** Can the hooks of IPv4 and IPv6 see what is bridged, where a bridge asks for it? */
export async function hooksOnBridges(): Promise<boolean> {
  return await access(`${ROOT}/bridge/bridge-nf-call-iptables`).then(
    () => true,
    () => false,
  );
}

/** Frames with a VLAN tag as well; only bridges that ask for the hooks notice. */
export async function tagsThroughHooks(): Promise<void> {
  await ensure(`${ROOT}/bridge/bridge-nf-filter-vlan-tagged`, '1');
}

/** No address of its own, so that nothing is asked of the neighbours; IPv6 itself on or off. */
export async function silentIpv6(link: string, on: boolean): Promise<void> {
  await ensure(`${ROOT}/ipv6/conf/${link}/addr_gen_mode`, '1');
  await ensure(`${ROOT}/ipv6/conf/${link}/disable_ipv6`, on ? '0' : '1');
}

/** Resolves true when the setting was there and was another. */
async function ensure(path: string, value: string): Promise<boolean> {
  try {
    if (settingAt(path) === value) return false;
    await writeFile(path, value, { flag: 'r+' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

const longest = Buffer.alloc(64);
/** Files that were read before, by their paths. */
const opened = new Map<string, number>();

/**
 * Looked at twice a second: threads, promises and pages of buffers would cost more than all else of a wall at
 * rest. A file stays open; that of a device that has gone, or has another name, cannot be read any more.
 */
function settingAt(path: string): string {
  const known = opened.get(path);
  if (known !== undefined) {
    try {
      return readStart(known);
    } catch {
      closeSync(known);
      opened.delete(path);
    }
  }
  const file = openSync(path, 'r');
  opened.set(path, file);
  return readStart(file);
}

function readStart(file: number): string {
  return longest.toString('latin1', 0, readSync(file, longest, 0, longest.length, 0)).trim();
}
