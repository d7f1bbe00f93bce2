/** A machine with Debian's own kernel and e1000e ports, under QEMU without KVM. */
import type { ChildProcess } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Ended, type Lab, LabError, type Namespace } from '../../src/lab/netns.js';
import { ROOT } from '../../src/lab/root.js';

/** Where prepare.sh puts kernel and initramfs. */
const PREPARED = join(ROOT, '.cache/target');
const BOOT_TIMEOUT_MS = 120_000;
const POLL_MS = 50;
/** Where the guest sees the shared folder. */
const SHARE_IN_GUEST = '/mnt/share';

/** A network card of the guest: its name in there, and where the other end of its cable is. */
export interface Card {
  readonly name: string;
  readonly model: 'e1000e' | 'virtio-net-pci';
  readonly mac: string;
  /** The far end is device `e0` in here. */
  readonly peer: Namespace;
}

/** The running guest. It ends with its lab. */
export class Guest {
  readonly #lab: Lab;
  /** Folder that host and guest both write. */
  readonly #share: string;
  readonly #qemu: ChildProcess;
  #next = 1;

  private constructor(lab: Lab, share: string, qemu: ChildProcess) {
    this.#lab = lab;
    this.#share = share;
    this.#qemu = qemu;
  }

  /**
   * Boots, and wires the cards up.
   * @throws LabError `COMMAND` with the console's last words, `TIMEOUT`
   */
  static async boot(lab: Lab, cards: readonly Card[]): Promise<Guest> {
    const share = join(lab.directory, 'share');
    mkdirSync(share);
    // QEMU opens its taps in a namespace of their own; then they move to where the hosts live.
    const home = lab.namespace('vm');
    for (const [i] of cards.entries()) home.ip('tuntap', 'add', 'dev', `tap${i}`, 'mode', 'tap');
    const log = openSync(join(lab.directory, 'qemu.log'), 'a');
    const qemu = home.spawn(commandLine(lab.directory, share, cards), {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const guest = new Guest(lab, share, qemu);
    await guest.#until(() => existsSync(join(share, 'ready')), BOOT_TIMEOUT_MS, 'boot');
    for (const [i, { peer }] of cards.entries()) {
      home.ip('link', 'set', `tap${i}`, 'netns', peer.id, 'name', 'e0');
      peer.ip('link', 'set', 'e0', 'up');
    }
    await guest.must(
      cards
        .map(({ name, mac }) => `${linkOf(mac)} down; ${linkOf(mac)} name ${name}`)
        .join('\n')
        .concat('\n', cards.map(({ name }) => `ip link set ${name} up`).join('\n')),
    );
    return guest;
  }

  /** Path on the host of a file that the guest sees as `inGuest(name)`. */
  onHost(name: string): string {
    return join(this.#share, name);
  }

  /** Path in the guest of a shared file. */
  inGuest(name: string): string {
    return `${SHARE_IN_GUEST}/${name}`;
  }

  /** Runs commands with bash in the guest; they may run side by side. */
  async run(commands: string, timeoutMs = 60_000): Promise<Ended> {
    const name = join(this.#share, String(this.#next++));
    await writeFile(`${name}.new`, `${commands}\n`);
    renameSync(`${name}.new`, `${name}.cmd`);
    await this.#until(() => existsSync(`${name}.rc`), timeoutMs, commands);
    const status = Number(readFileSync(`${name}.rc`, 'utf8'));
    return { status, stdout: readFileSync(`${name}.out`, 'utf8'), stderr: '' };
  }

  /**
   * Runs commands and returns what they printed.
   * @throws LabError `COMMAND` when they failed
   */
  async must(commands: string, timeoutMs?: number): Promise<string> {
    const { status, stdout } = await this.run(commands, timeoutMs);
    if (status !== 0) {
      throw new LabError('COMMAND', `in the guest: ${commands}: exit ${status}: ${stdout.trim()}`);
    }
    return stdout;
  }

  /** Last lines of the console and of QEMU. */
  lastWords(): string {
    return ['console.log', 'qemu.log']
      .flatMap((name) => {
        const path = join(this.#lab.directory, name);
        return existsSync(path) ? readFileSync(path, 'latin1').trim().split('\n').slice(-15) : [];
      })
      .join('\n');
  }

  async #until(found: () => boolean, timeoutMs: number, what: string): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!found()) {
      if (this.#qemu.exitCode !== null || this.#qemu.signalCode !== null) {
        throw new LabError('COMMAND', `the guest is gone: ${this.lastWords()}`);
      }
      if (Date.now() > deadline) {
        throw new LabError('TIMEOUT', `in the guest: ${what}: no answer: ${this.lastWords()}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

/** `ip link set NAME` of the card with this MAC. */
function linkOf(mac: string): string {
  return `ip link set $(ip -br link | awk '$3 == "${mac}" {print $1}')`;
}

function commandLine(directory: string, share: string, cards: readonly Card[]): string[] {
  const kernel = join(PREPARED, 'kernel');
  if (!existsSync(kernel)) throw new LabError('COMMAND', 'no kernel: run make test-target');
  const release = readFileSync(kernel, 'utf8').trim();
  const tree = join(PREPARED, release);
  const agent = join(ROOT, 'test/target/guest-agent.sh');
  return [
    'qemu-system-x86_64',
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '2048'],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-serial', `file:${join(directory, 'console.log')}`],
    ...['-kernel', join(tree, 'vmlinux'), '-initrd', join(PREPARED, `initramfs-${release}`)],
    ...['-append', `console=ttyS0 panic=-1 quiet tree=${tree} agent=${agent} project=${ROOT}`],
    ...['-object', 'rng-random,filename=/dev/urandom,id=random'],
    ...['-device', 'virtio-rng-pci,rng=random'],
    '-virtfs',
    'local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap',
    ...['-virtfs', `local,path=${share},mount_tag=share,security_model=none`],
    ...cards.flatMap(({ model, mac }, i) => [
      ...['-netdev', `tap,id=net${i},ifname=tap${i},script=no,downscript=no`],
      ...['-device', `${model},netdev=net${i},mac=${mac},romfile=`],
    ]),
  ];
}
