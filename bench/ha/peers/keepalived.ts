/**
 * keepalived on a node of the lab, as far as the seed tells how it had it: a virtual address on the bridge, an
 * advertisement every 3 s (its log, and the example of conntrack-tools), both ports watched, a script for each role.
 */
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endChild, type Lab, type Namespace } from '../../../src/lab/netns.js';
import type { NodeName } from '../../../src/lab/pair/pair-net.js';
import type { Conntrackd } from './conntrackd.js';

export type VrrpRole = 'primary' | 'backup' | 'fault';

export const ADVERT_SECONDS = 3;
const VIRTUAL = '198.51.100.75';

/** What conntrack-tools' primary-backup.sh does, and who the node is now. */
function script(conntrackd: string, role: string): string {
  return `#!/bin/sh
case "$1" in
  primary) ${['-c', '-f', '-R', '-B'].map((order) => `${conntrackd} ${order}`).join('; ')} ;;
  backup) ${conntrackd} -t; ${conntrackd} -n ;;
  fault) ${conntrackd} -t ;;
esac
echo "$1" > ${role}
`;
}

function settings(node: NodeName, priority: number, notify: string): string {
  return `global_defs {
  router_id ${node}
  script_user root
}
vrrp_sync_group HABRIDGE {
  group {
    VBRIF
  }
  notify_master "/bin/sh ${notify} primary"
  notify_backup "/bin/sh ${notify} backup"
  notify_fault "/bin/sh ${notify} fault"
}
vrrp_instance VBRIF {
  interface br0
  state BACKUP
  virtual_router_id 61
  priority ${priority}
  advert_int ${ADVERT_SECONDS}
  track_interface {
    up0
    dn0
  }
  authentication {
    auth_type PASS
    auth_pass papas_co
  }
  virtual_ipaddress {
    ${VIRTUAL}
  }
}
`;
}

export class Keepalived {
  readonly #lab: Lab;
  readonly #namespace: Namespace;
  readonly #node: NodeName;
  readonly #role: string;
  readonly #notify: string;
  #daemon: ChildProcess | null = null;

  constructor(lab: Lab, namespace: Namespace, node: NodeName, conntrackd: Conntrackd) {
    this.#lab = lab;
    this.#namespace = namespace;
    this.#node = node;
    this.#role = join(lab.directory, `${node}-role`);
    const text = script(conntrackd.command.join(' '), this.#role);
    this.#notify = lab.file(`${node}-notify.sh`, text);
  }

  start(priority: number): void {
    const at = (name: string) => join(this.#lab.directory, `${this.#node}-keepalived${name}`);
    this.#lab.file(`${this.#node}-role`, '');
    this.#configure(priority);
    const pids = ['-p', at('.pid'), '-r', at('-vrrp.pid'), '-c', at('-checkers.pid')];
    const args = ['--vrrp', '-n', '-l', '-D', '-f', at('.conf'), ...pids];
    const log = openSync(at('.log'), 'a');
    this.#daemon = this.#namespace.spawn(['/usr/sbin/keepalived', ...args], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  /** Has it read its configuration anew, with that priority. */
  reload(priority: number): void {
    this.#configure(priority);
    this.#daemon?.kill('SIGHUP');
  }

  async stop(): Promise<void> {
    if (this.#daemon !== null) await endChild(this.#daemon, 5000);
    this.#daemon = null;
  }

  /** What its script was told last; null before that. */
  get role(): VrrpRole | null {
    const text = readFileSync(this.#role, 'utf8').trim();
    return text === '' ? null : (text as VrrpRole);
  }

  #configure(priority: number): void {
    const text = settings(this.#node, priority, this.#notify);
    this.#lab.file(`${this.#node}-keepalived.conf`, text);
  }
}
