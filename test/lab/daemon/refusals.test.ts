import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bench, DAEMON } from './bench.js';

describe('what a daemon refuses, in one line and before it touches anything', () => {
  let bench: Bench;

  /** Everything that a start could change. */
  function surroundings(): string {
    return [
      bench.wall.exec('nft', '-s', 'list', 'ruleset'),
      // The kernel takes its time to find out that a bridge is up.
      bench.wall.ip('-o', 'link').replaceAll(/\\.*$| state \S+|NO-CARRIER,/gm, ''),
      bench.wall.exec('tc', 'qdisc'),
      bench.wall.exec('find', bench.pins),
      bench.wall.exec('sh', '-c', 'cat /proc/sys/net/ipv6/conf/*/disable_ipv6'),
    ].join('\n');
  }

  async function refuses(line: RegExp, ...args: string[]): Promise<void> {
    const before = surroundings();
    const { status, stdout, stderr } = await bench.run(...args);
    expect(stderr).toMatch(line);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect([status, stdout]).toEqual([1, '']);
    expect(surroundings()).toBe(before);
  }

  beforeAll(() => {
    bench = new Bench();
  });
  afterAll(() => bench.close());

  it('no node file, or a wrong one', async () => {
    const good = readFileSync(bench.config, 'utf8');
    writeFileSync(bench.config, good.replace('attach: tc', 'attach: tcp'));
    await refuses(/^bridgewalld: .*node\.yaml:3:9: /);
    writeFileSync(bench.config, good);
    const { status, stderr } = await bench.wall.run([DAEMON, '--config', '/nowhere.yaml']);
    expect([status, stderr]).toEqual([1, 'bridgewalld: /nowhere.yaml:1:1: no such file\n']);
  });

  it('wrong arguments', async () => {
    expect(await bench.wall.run([DAEMON])).toMatchObject({
      status: 1,
      stderr: 'bridgewalld: --config FILE is missing\n',
    });
    await refuses(/^bridgewalld: Unknown option '--frobnicate'/, '--frobnicate');
  });

  it('a port that is missing', async () => {
    bench.configure({ ports: '[{name: up0, side: uplink}, {name: dn7, side: inside}]' });
    await refuses(/^bridgewalld: there is no port dn7/);
    bench.configure({});
  });

  it('a port of another bridge', async () => {
    bench.wall.ip('link', 'add', 'other', 'type', 'bridge');
    bench.wall.ip('link', 'set', 'dn0', 'master', 'other');
    await refuses(/^bridgewalld: port dn0 already belongs to other/);
    bench.wall.ip('link', 'delete', 'other');
  });

  it('a port that has an address', async () => {
    bench.wall.ip('address', 'add', '192.0.2.7/24', 'dev', 'dn0');
    await refuses(/^bridgewalld: dn0 has the address 192\.0\.2\.7\/24 \(--force/);
    bench.wall.ip('address', 'flush', 'dev', 'dn0');
  });

  it('no bpffs, seen from a mount namespace of its own', async () => {
    const pins = join(bench.lab.directory, 'nothing');
    bench.configure({ pins });
    const args = ['unshare', '--mount', DAEMON, '--config', bench.config];
    const { status, stderr } = await bench.wall.run(args);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^bridgewalld: .*nothing: no bpffs there, and one mounted from/),
    ]);
    bench.configure({});
  });

  it('a bpffs whose pins would not last', async () => {
    const pins = join(bench.lab.directory, 'private');
    bench.configure({ pins });
    const script = `mkdir -p ${pins} && mount -t bpf bpf ${pins} && exec ${DAEMON} --config ${bench.config}`;
    const { status, stderr } = await bench.wall.run(['unshare', '--mount', 'sh', '-c', script]);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^bridgewalld: .*private: pins would not last: .*\n$/),
    ]);
    bench.configure({});
  });

  it('pins that cannot be made', async () => {
    const remedy = 'write another in `pins`, as in pins: /run/bridgewall/bpf\n';
    for (const [pins, code] of [
      [join(bench.config, 'bpf'), 'ENOTDIR'],
      ['/proc/nowhere/bpf', 'ENOENT'],
      [join(bench.pins, 'b.pf'), 'EPERM'],
    ] as const) {
      bench.configure({ pins });
      const { status, stderr } = await bench.run();
      const what = `${pins}: cannot be made a directory for pins (${code})`;
      expect([status, stderr]).toEqual([1, `bridgewalld: ${what}; ${remedy}`]);
    }
    bench.configure({});
  });

  it('anyone but root', async () => {
    const args = ['setpriv', '--reuid=65534', '--clear-groups', DAEMON, '--config', bench.config];
    bench.wall.exec('chmod', '-R', 'a+rX', bench.lab.directory);
    const { status, stderr } = await bench.wall.run(args);
    expect([status, stderr]).toEqual([1, 'bridgewalld: bridgewalld must run as root\n']);
  });

  it('a socket that somebody serves', async () => {
    const server = createServer().listen(bench.socket);
    await new Promise((resolve) => server.once('listening', resolve));
    await refuses(/^bridgewalld: socket in use: /);
    await new Promise((resolve) => server.close(resolve));
  });

  it('an attach mode that a port cannot do leaves no half of a wall', async () => {
    // A veth takes no native XDP while its peer sends by more queues than it receives by.
    bench.server.exec('ethtool', '-L', 'e0', 'tx', '2');
    bench.configure({ attach: 'xdp' });
    const { status, stderr } = await bench.run();
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^[^\n]*bridgewalld: dn0: cannot attach in xdp mode: [^\n]*\n$/),
    ]);
    expect(bench.wall.exec('nft', 'list', 'ruleset')).toBe('');
    expect(bench.wall.exec('find', bench.pins, '-mindepth', '1', '-type', 'd')).toBe('');
    bench.configure({});
    bench.server.exec('ethtool', '-L', 'e0', 'tx', '1');
  });

  it('a log group that another process reads', async () => {
    const daemon = await bench.start();
    const second = bench.secondNode(5);
    const before = surroundings();
    const { status, stderr } = await bench.wall.run([DAEMON, '--config', second]);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^bridgewalld: NFLOG group 5 is already read by another [^\n]*\n$/),
    ]);
    expect(surroundings()).toBe(before);
    bench.wall.ip('link', 'delete', 'up9');
    await daemon.end('SIGTERM');
  });

  it('but not to take over its wall while another process reads its log group', async () => {
    const daemon = await bench.start();
    await daemon.end('SIGKILL');
    const other = bench.wall.spawn([DAEMON, '--config', bench.secondNode(5)], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = new Promise((resolve) => other.once('exit', resolve));
    await new Promise<void>((resolve) => {
      other.stderr!.on('data', (text: Buffer) => {
        if (text.includes('the wall stands')) resolve();
      });
    });
    const adopting = await bench.start();
    expect(adopting.log).toMatch(/NFLOG group 5 is already read[^\n]*until then nobody reads/);
    other.kill('SIGTERM');
    await ended;
    await expect.poll(() => adopting.log, { timeout: 10_000 }).toContain('is free again');
    await adopting.end('SIGTERM');
    expect((await bench.run('--detach')).status).toBe(0);
    bench.wall.ip('link', 'delete', 'up9');
  });

  it('a node that another daemon runs, and taking that one down', async () => {
    const daemon = await bench.start();
    await refuses(/^bridgewalld: node fw-1 is run by another bridgewalld/);
    await refuses(/^bridgewalld: node fw-1 is run by another bridgewalld/, '--detach');
    expect(await bench.api.status()).toMatchObject({ node: 'fw-1' });
    expect(await daemon.end('SIGTERM')).toBe(0);
    expect((await bench.run('--detach')).status).toBe(0);
  });

  it('bridge or ports of another node, whether its daemon lives or has died', async () => {
    const first = readFileSync(bench.config, 'utf8');
    const daemon = await bench.start();
    const second = bench.secondNode(6);
    const own = readFileSync(second, 'utf8');
    const trespasses = [
      { text: own.replace('br9', 'br0'), busy: 'bridge br0', what: 'port (up0|dn0) of bridge br0' },
      { text: own.replace('dn9', 'dn0'), busy: 'port dn0', what: 'port dn0' },
      { text: first.replace('fw-1', 'fw-2'), busy: 'bridge br0', what: 'port up0' },
    ];
    const everyWay = async (line: (trespass: (typeof trespasses)[number]) => RegExp) => {
      for (const trespass of trespasses) {
        writeFileSync(second, trespass.text);
        for (const more of [[], ['--force'], ['--detach']]) {
          const before = surroundings();
          const ended = await bench.wall.run([DAEMON, '--config', second, ...more]);
          expect([ended.status, ended.stderr]).toEqual([1, expect.stringMatching(line(trespass))]);
          expect(surroundings()).toBe(before);
        }
      }
    };
    await everyWay(
      ({ busy }) => new RegExp(`^bridgewalld: ${busy} is held by node fw-1, [^\n]*\n$`),
    );
    await daemon.end('SIGKILL');
    await everyWay(
      ({ what }) =>
        new RegExp(
          `^bridgewalld: ${what} belongs to node fw-1; [^\n]*bridgewalld --detach[^\n]*\n$`,
        ),
    );
    expect((await bench.run('--detach')).status).toBe(0);
    bench.wall.ip('link', 'delete', 'up9');
  });
});
