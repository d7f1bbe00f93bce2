/**
 * The cables of one subject: frames enter `enter`, arrive at port `uplink`, leave by port `inside`
 * and end at `end`. Each receiving end has a kernel thread of its own, whose run time is the figure.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const ENDS = ['enter', 'uplink', 'inside', 'end'] as const;
type End = (typeof ENDS)[number];

/** One device of a path. */
export interface Device {
  readonly name: string;
  readonly ifindex: number;
  readonly mac: string;
  /** The network namespace that it is in; absent: that of this process. */
  readonly space?: Space;
}

/** Where `ip` keeps network namespaces. */
export const SPACES = '/run/netns';

/** Another network namespace. */
export interface Space {
  readonly name: string;
  /** A sysfs that shows it. */
  readonly sysfs: string;
}

/** The four devices of a subject. */
export type Path = Readonly<Record<End, Device>>;

/** CPUs for the source of frames, for the thread that is measured, and for the one that counts. */
export interface Cpus {
  readonly source: number;
  readonly measured: number;
  readonly sink: number;
}

/** Runs a program of the system; throws with its words when it fails. */
export function command(program: string, args: readonly string[], input?: string): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
  });
}

/** Runs a program of the system in a network namespace. */
export function commandIn(
  space: Space | undefined,
  program: string,
  args: readonly string[],
  input?: string,
): string {
  if (space === undefined) return command(program, args, input);
  return command('nsenter', [`--net=${SPACES}/${space.name}`, program, ...args], input);
}

let laid = 0;

/** Lays the cables of so many subjects, in the network namespace of this process. */
export function layPaths(count: number): Path[] {
  // Threads are found by the name of their device, and all namespaces share one list of threads.
  const tag = process.pid.toString(36).slice(-5);
  const first = laid;
  laid += count;
  const nameOf = (subject: number, end: End) => `b${tag}${first + subject}${end[0]}${end.at(-1)}`;
  const script: string[] = ['link set lo up'];
  for (let i = 0; i < count; i++) {
    for (const [a, b] of [
      ['enter', 'uplink'],
      ['end', 'inside'],
    ] as const) {
      script.push(`link add ${nameOf(i, a)} type veth peer name ${nameOf(i, b)}`);
      script.push(`link set ${nameOf(i, a)} up`, `link set ${nameOf(i, b)} up`);
    }
  }
  command('ip', ['-batch', '-'], `${script.join('\n')}\n`);
  return Array.from({ length: count }, (_, i) => {
    const device = (end: End): Device => {
      const name = nameOf(i, end);
      return {
        name,
        ifindex: Number(attribute({ name }, 'ifindex')),
        mac: attribute({ name }, 'address'),
      };
    };
    return {
      enter: device('enter'),
      uplink: device('uplink'),
      inside: device('inside'),
      end: device('end'),
    };
  });
}

/** Puts the two ports of a path into another namespace; the far ends stay. */
export function movePorts(path: Path, space: Space): Path {
  const moved = (device: Device): Device => {
    command('ip', ['link', 'set', device.name, 'netns', space.name]);
    commandIn(space, 'ip', ['link', 'set', device.name, 'up']);
    const there = { ...device, space };
    return { ...there, ifindex: Number(attribute(there, 'ifindex')) };
  };
  return { ...path, uplink: moved(path.uplink), inside: moved(path.inside) };
}

/** Takes the cables of a subject away. */
export function removePath({ enter, end }: Path): void {
  for (const { name } of [enter, end]) command('ip', ['link', 'delete', name]);
}

/** Gives a receiving device NAPI, and that a kernel thread on one CPU; returns the thread's number. */
export function threadOf(device: Device, cpu: number): number {
  commandIn(device.space, 'ethtool', ['-K', device.name, 'gro', 'on']);
  writeFileSync(`${device.space?.sysfs ?? '/sys'}/class/net/${device.name}/threaded`, '1');
  const pid = findThread(device.name);
  command('taskset', ['-pc', `${cpu}`, `${pid}`]);
  // Others on this machine must not come between: they would stop it in the middle of a batch.
  command('chrt', ['-f', '-p', '1', `${pid}`]);
  return pid;
}

/** Packets that a device has taken out of its queue. */
export function receivedBy(device: Device): number {
  return Number(attribute(device, 'statistics/rx_packets'));
}

/** Nanoseconds that a thread has run. Exact once it sleeps. */
export function runTime(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ')[0]);
}

function attribute({ name, space }: Pick<Device, 'name' | 'space'>, file: string): string {
  return readFileSync(`${space?.sysfs ?? '/sys'}/class/net/${name}/${file}`, 'latin1').trim();
}

function findThread(device: string): number {
  const start = `napi/${device}-`;
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      if (readFileSync(`/proc/${entry}/comm`, 'latin1').startsWith(start)) return Number(entry);
    } catch {
      // A process that ended meanwhile.
    }
  }
  throw new Error(`${device} has no NAPI thread: does this kernel have threaded NAPI (5.12)?`);
}
