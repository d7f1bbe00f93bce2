import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeEach, describe, expect, test } from 'vitest';
import { answering, bwctl, start } from './bwctl.js';
import { FakeNode, MANY, PACKETS, RULE, record, STATE, TOTALS } from './fake-node.js';

const node = new FakeNode();

const served = answering(node);
const { ask, feed, json } = served;

beforeEach(() => {
  node.asked.length = 0;
  node.installed = '';
  node.generation = 0;
  node.trial = null;
  node.members.clear();
});

async function policyFile(text: string): Promise<string> {
  const path = join(served.directory, 'policy.yaml');
  await writeFile(path, text);
  return path;
}

describe('apply and plan', () => {
  test('apply tells generation, changes and warnings, and who did it and why', async () => {
    const file = await policyFile('hosts: {}');
    const { code, stdout, stderr } = await ask('apply', file, '-m', 'ticket 4711');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      [
        '+ aquilante in mailin from any  policy.yaml:21',
        `${file}:7:3: warning: group lonely is empty`,
        'generation 1 installed: 1 rule added, 0 removed, 0 changed (42 rules, 6 hosts in all)',
        '1234 live connections end',
        '',
      ].join('\n'),
    );
    expect(node.asked).toEqual([
      {
        apply: { text: 'hosts: {}', file },
        by: { user: expect.stringMatching(/^\S+$/), uid: process.getuid!() },
        options: { why: 'ticket 4711', dryRun: false, confirmSeconds: null, ifGeneration: null },
      },
    ]);
  });

  test('apply -o json', async () => {
    const file = await policyFile('hosts: {}');
    expect(await json('apply', file)).toEqual({
      generation: 1,
      digest: 'd1'.repeat(32),
      installed: true,
      differs: true,
      changes: [{ kind: 'added', before: null, after: RULE }],
      packets: PACKETS,
      packetsMore: 0,
      limits: [],
      bindings: [],
      warnings: [{ message: 'group lonely is empty', position: { file, line: 7, column: 3 } }],
      rules: 42,
      hosts: 6,
      statesCut: 1234,
      confirm: null,
    });
  });

  test('a dash is standard input', async () => {
    const { code, stderr } = await bwctl(['apply', '-'], { BWCTL_SOCKET: served.socket }, 'bad');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: '<stdin>:3:14: port 70000 is no port; did you mean 7000?\n',
    });
  });

  test('plan exits with 2 while there are differences, then with 0', async () => {
    const file = await policyFile('hosts: {}');
    expect(await ask('plan', file)).toMatchObject({ code: 2, stderr: '' });
    expect((await ask('plan', file)).stdout).toContain(
      'opens  aquilante in 25/tcp from any but not 10.0.0.0/8\ncloses transit all from 10.1.0.0/16 to any\n',
    );
    expect(await ask('plan', file, '-o', 'json')).toMatchObject({ code: 2, stderr: '' });
    await ask('apply', file);
    expect((await ask('plan', file)).stdout).toMatch(/no differences\n$/);
    expect(await json('plan', file)).toMatchObject({ differs: false, changes: [] });
    expect((await ask('apply', file)).stdout).toMatch(/generation 1 stays/);
  });

  test('a dry run installs nothing and exits with 2 while there are differences', async () => {
    const file = await policyFile('hosts: {}');
    const { code, stdout } = await ask('apply', file, '--dry-run');
    expect({ code, generation: node.generation }).toEqual({ code: 2, generation: 0 });
    expect(stdout).toMatch(/1234 live connections would end\ngeneration 0 stays: a dry run\n$/);
    expect(await ask('apply', file, '--dry-run', '-o', 'json')).toMatchObject({ code: 2 });
    await ask('apply', file);
    expect(await json('apply', file, '--dry-run')).toMatchObject({ installed: false });
  });

  test('apply --confirm says when it ends, status counts, confirm keeps it', async () => {
    const file = await policyFile('hosts: {}');
    const { stdout } = await ask('apply', file, '--confirm', '90', '--if-generation', '0');
    expect(stdout).toMatch(/generation 0 comes back in 1m30s unless you run bwctl confirm\n$/);
    expect(node.asked).toMatchObject([{ options: { confirmSeconds: 90, ifGeneration: 0 } }]);
    expect(await json('status')).toMatchObject({ confirm: { deadline: 90, fallback: 0 } });
    expect((await ask('status')).stdout).toContain('confirm: generation 0 comes back in 1m30s');
    expect(await ask('confirm')).toMatchObject({
      code: 0,
      stdout: 'generation 1 confirmed: it stays\n',
    });
    expect(await json('status')).toMatchObject({ confirm: null });
    expect(await ask('confirm')).toEqual({
      code: 1,
      stdout: '',
      stderr: 'bwctl: no generation waits to be confirmed\n',
    });
  });

  test('times and generations that are none', async () => {
    const file = await policyFile('hosts: {}');
    for (const words of [
      ['--confirm', '0'],
      ['--confirm', '100000'],
      ['--confirm', 'soon'],
      ['--if-generation', '-1'],
      ['--if-generation', 'x'],
    ]) {
      const { code, stdout, stderr } = await ask('apply', file, ...words);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^bwctl: [^\n]+\n$/);
    }
    expect(node.asked).toEqual([]);
  });

  test('a wrong policy is one line that begins with its position', async () => {
    const file = await policyFile('bad');
    for (const command of ['apply', 'plan']) {
      expect(await ask(command, file)).toEqual({
        code: 1,
        stdout: '',
        stderr: `${file}:3:14: port 70000 is no port; did you mean 7000?\n`,
      });
    }
  });

  test('what fails inside the node is one line, too', async () => {
    const file = await policyFile('crash');
    expect(await ask('apply', file)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'bwctl: bpf map update failed: E2BIG\n',
    });
  });

  test('a file that is not there, and one that is no text', async () => {
    const missing = join(served.directory, 'missing.yaml');
    expect((await ask('apply', missing)).stderr).toBe(`bwctl: ${missing}: no such file\n`);
    const binary = join(served.directory, 'binary.yaml');
    await writeFile(binary, Buffer.from([0xff, 0xfe, 0x00]));
    expect((await ask('apply', binary)).stderr).toBe(`bwctl: ${binary}: not a text in UTF-8\n`);
  });
});

describe('questions', () => {
  test('explain names rule and place', async () => {
    expect(await json('explain', 'tcp', '10.0.0.1:40000', 'aquilante:25', '--port', 'up1')).toEqual(
      {
        verdict: 'accept',
        reason: 'none',
        explanation: 'the frame was not dropped',
        limit: '',
        port: 'up1',
        vlan: [],
        rules: { out: null, in: RULE, transit: null, deny: null },
        state: null,
      },
    );
    expect(node.asked).toEqual([
      {
        protocol: 'tcp',
        source: '10.0.0.1',
        sourcePort: 40000,
        destination: 'aquilante',
        destinationPort: 25,
        icmpType: 0,
        port: 'up1',
        vlan: [],
      },
    ]);
    const { stdout } = await ask('explain', 'tcp', '[2001:db8::1]:40000', 'aquilante:25');
    expect(stdout).toContain('accept  tcp [2001:db8::1]:40000 -> aquilante:25, entering by up0');
    expect(stdout).toContain('policy.yaml:21');
  });

  test('explain asks in VLANs, and says in which', async () => {
    const words = ['explain', 'tcp', '10.0.0.1', 'aquilante:25', '--vlan'];
    expect((await ask(...words, '100,10')).stdout).toContain('entering by up0 in VLAN 100.10');
    expect((await ask(...words, 'none')).stdout).toContain('entering by up0\n');
    expect(node.asked).toMatchObject([{ vlan: [100, 10] }, { vlan: [0] }]);
    const { code, stderr } = await ask(...words, '4095');
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: 'bwctl: --vlan 4095: "4095" is no VLAN; they go from 1 to 4094\n',
    });
  });

  test('a drop is an answer: exit 0', async () => {
    const { code, stdout } = await ask('explain', 'tcp', '10.0.0.1', 'aquilante:23');
    expect(code).toBe(0);
    expect(stdout).toContain('reason: no-in: the destination is screened');
  });

  test('explain icmp passes the type', async () => {
    await ask('explain', 'icmp', '10.0.0.1', 'aquilante', '13');
    expect(node.asked).toMatchObject([{ protocol: 'icmp', icmpType: 13 }]);
  });

  test('an unknown host is the node to tell', async () => {
    expect(await ask('explain', 'tcp', '10.0.0.1', 'nobody:25')).toMatchObject({
      code: 1,
      stderr: 'bwctl: the policy knows no host "nobody"\n',
    });
  });

  test('status, before and after the first policy', async () => {
    expect(await json('status')).toMatchObject({ generation: 0, policy: null });
    node.generation = 3;
    const status = (await json('status')) as Record<string, unknown>;
    expect(status).toEqual(await node.status());
    expect(Object.keys(status)).toEqual(
      'node role mode generation policy attach states counters sync confirm alarms'.split(' '),
    );
    const { stdout } = await ask('status');
    expect(stdout).toContain('node:    fw1, active, enforce');
    expect(stdout).toContain('generation 3');
    expect(stdout).not.toContain('alarm:');
    const since = '2026-11-22T03:00:00.000Z';
    node.alarms = [{ kind: 'table-full', message: '9 of 9 established connections', since }];
    expect((await ask('status')).stdout).toContain(
      `alarm:   9 of 9 established connections, since ${since}`,
    );
    expect(await json('status')).toMatchObject({ alarms: node.alarms });
    node.alarms = [];
  });

  test('counters are plain numbers; rules come when asked for', async () => {
    const quiet = { ...TOTALS, rx: 0, forwarded: 0, passed: 0, dropped: {} };
    const { reasons } = await node.counters();
    const everything = { total: TOTALS, ports: { up0: TOTALS, dn0: quiet }, reasons };
    expect(await json('counters')).toEqual(everything);
    const { rules } = await node.counters();
    expect(rules[0]?.packets).toBe(MANY);
    expect(await json('counters', '--rules')).toEqual({ ...everything, rules });
    expect(await json('counters', '--port', 'dn0')).toMatchObject({ ports: { dn0: quiet } });
    expect(await ask('counters', '--port', 'dn7')).toMatchObject({
      code: 1,
      stderr: 'bwctl: no port is named dn7\n',
    });
    const { stdout } = await ask('counters', '--rules');
    expect(stdout).toMatch(/no-in +8 +the destination is screened/);
    expect(stdout).toMatch(/1 +3s ago +aquilante in mailin from any +policy.yaml:21/);
    expect(stdout).toMatch(/never/);
  });

  test('states are JSON Lines', async () => {
    node.states_ = [[STATE, STATE], [], [STATE]];
    const { code, stdout } = await ask('states', 'proto=tcp', 'port=25', '-o', 'json');
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line))).toEqual([STATE, STATE, STATE]);
    expect(node.asked).toEqual([{ proto: 'tcp', port: 25 }]);
    expect((await ask('states')).stdout).toMatch(
      /tcp +10\.0\.0\.1:40000 +193\.206\.157\.12:25 +10\.20 +established/,
    );
    expect(await ask('states', 'host=nobody')).toMatchObject({ code: 1 });
  });

  test('states are limited, or only counted', async () => {
    expect((await ask('states', 'src=mail', '--limit', '5')).code).toBe(0);
    expect(await json('states', 'idle=1h', '--count')).toEqual({ count: MANY });
    expect((await ask('states', '--count')).stdout).toBe(`${MANY}\n`);
    expect(node.asked).toEqual([
      { filter: { src: 'mail' }, limit: 5 },
      { count: { idle: 3600 } },
      { count: {} },
    ]);
    expect(await ask('states', '--limit', '0')).toMatchObject({
      code: 1,
      stderr: 'bwctl: --limit "0": a number from 1\n',
    });
  });

  test('states are killed by filters, or all', async () => {
    expect(await json('states', 'kill', 'host=mail', 'vlan=10')).toEqual({ killed: 3 });
    expect((await ask('states', 'kill', 'all')).stdout).toMatch(/live connections ended\n$/);
    expect(node.asked).toMatchObject([
      { filter: { host: 'mail', vlan: 10 }, all: false, by: { uid: process.getuid!() } },
      { filter: {}, all: true },
    ]);
    expect(await ask('states', 'kill')).toMatchObject({ code: 1, stdout: '' });
    expect(node.asked).toHaveLength(2);
  });

  test('many states arrive complete', async () => {
    const batch = Array.from({ length: 5000 }, (_, i) => ({ ...STATE, sport: i }));
    node.states_ = Array.from({ length: 20 }, () => batch);
    const { stdout } = await ask('states', '-o', 'json');
    expect(stdout.trimEnd().split('\n').length).toBe(100_000);
  });

  test('ports and matrix', async () => {
    expect(await json('ports')).toEqual(await node.ports());
    expect((await ask('ports')).stdout).toMatch(
      /up0 +uplink +yes +forwarding +02:00:00:00:00:01 +1500/,
    );
    node.generation = 1;
    expect(await json('matrix')).toEqual(await node.matrix());
    const { stdout } = await ask('matrix');
    expect(stdout).toContain('SRC\\DST');
    expect(stdout).toContain('636/tcp');
  });
});

describe('set', () => {
  test('load, replace, remove and flush', async () => {
    const list = '# feed\n10.1.0.1\n2001:db8::a # why\n\n10.1.0.2\n';
    const json = async (input: string, ...words: string[]) => {
      const { code, stdout, stderr } = await feed(input, '-o', 'json', 'set', ...words);
      expect([code, stderr]).toEqual([0, '']);
      return JSON.parse(stdout);
    };
    node.members.clear();
    node.loads.length = 0;
    const counts = { name: 'badguys', received: 3, added: 3, removed: 0, members: 3 };
    expect(await json(list, 'load', 'badguys', '-', '--ttl', '1h')).toEqual(counts);
    expect(node.loads).toEqual([
      { name: 'badguys', mode: 'check', ttl: 3600, count: 3 },
      { name: 'badguys', mode: 'add', ttl: 3600, count: 3 },
    ]);
    expect([...node.members]).toEqual([
      ['10.1.0.1', 3600],
      ['10.1.0.2', 3600],
      ['2001:db8::a', 3600],
    ]);
    const next = await json('10.1.0.2\n10.1.0.3', 'load', 'badguys', '-', '--replace');
    expect(next).toEqual({ ...counts, received: 2, added: 1, removed: 2, members: 2 });
    const less = await json('10.1.0.3', 'load', 'badguys', '-', '--remove');
    expect(less).toEqual({ ...counts, received: 1, added: 0, removed: 1, members: 1 });
    expect(await json('', 'flush', 'badguys')).toEqual({ name: 'badguys', removed: 1 });
    const { stdout } = await feed(list, 'set', 'load', 'badguys', '-');
    expect(stdout).toBe('3 members added to badguys, of 3 in the list\n');
    await ask('set', 'flush', 'badguys');
  });

  test('a list that is wrong somewhere changes nothing', async () => {
    node.members.clear();
    const wrong = [
      ['10.1.0.1\n10.1.0.', '<stdin>:2:1: 10.1.0. is not an address; hint: an IPv4 address has'],
      ['2001:db8::a\n10.1.0.1\n10.0.0.77\n', '<stdin>:3:1: 10.0.0.77 is the screened host auth'],
    ] as const;
    for (const [input, complaint] of wrong) {
      const { code, stdout, stderr } = await feed(input, 'set', 'load', 'badguys', '-');
      expect([code, stdout]).toEqual([1, '']);
      expect(stderr).toContain(complaint);
      expect(stderr.trimEnd()).not.toContain('\n');
      expect(node.members.size).toBe(0);
    }
    const empty = await feed('# nothing\n', 'set', 'load', 'badguys', '-', '--replace');
    expect(empty).toMatchObject({ code: 1, stdout: '' });
    expect(empty.stderr).toBe(
      'bwctl: <stdin>: no address in it; bwctl set flush badguys empties a set\n',
    );
    const both = await feed('10.1.0.1', 'set', 'load', 'badguys', '-', '--replace', '--remove');
    expect(both).toMatchObject({ code: 1, stderr: expect.stringContaining('exclude each other') });
  });

  test('add, list, del', async () => {
    const added = await json('set', 'add', 'badguys', '10.0.0.9', '2001:db8::9', '--ttl', '1h');
    expect(added).toEqual({ name: 'badguys', added: 2 });
    expect(await json('set', 'add', 'badguys', '10.0.0.8')).toEqual({ name: 'badguys', added: 1 });
    expect(await json('set', 'list')).toEqual([{ name: 'badguys', max: 1_000_000, members: 3 }]);
    expect(await json('set', 'list', 'badguys')).toEqual([
      { address: '10.0.0.9', ttl: 3600 },
      { address: '2001:db8::9', ttl: 3600 },
      { address: '10.0.0.8', ttl: null },
    ]);
    expect((await ask('set', 'list', 'badguys')).stdout).toMatch(/10\.0\.0\.9 +in 1h\n/);
    expect((await ask('set', 'del', 'badguys', '10.0.0.9', '10.0.0.7')).stdout).toBe(
      '1 member deleted from badguys, 1 not in it\n',
    );
    expect((await ask('set', 'list')).stdout).toMatch(/badguys +2 +1000000/);
  });

  test('an unknown group', async () => {
    expect(await ask('set', 'add', 'nosuch', '10.0.0.9')).toMatchObject({
      code: 1,
      stderr: 'bwctl: no dynamic group is named nosuch\n',
    });
  });
});

describe('watch drops', () => {
  test('prints JSON Lines as they come, ends with 0 on an interrupt', async () => {
    const child = start(['watch', 'drops', '-o', 'json'], { BWCTL_SOCKET: served.socket });
    const closed = new Promise((resolve) => child.once('close', resolve));
    while (node.watchers.size === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    node.log(1, 2);
    const lines: unknown[] = [];
    for await (const line of createInterface({ input: child.stdout! })) {
      lines.push(JSON.parse(line));
      if (lines.length === 2) child.kill('SIGINT');
    }
    expect(lines).toEqual([record(1), record(2)]);
    expect(await closed).toBe(0);
    while (node.watchers.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe('finding the node', () => {
  test('--socket is stronger than BWCTL_SOCKET, wherever it stands', async () => {
    const env = { BWCTL_SOCKET: join(served.directory, 'other.sock') };
    expect(await bwctl(['status', '--socket', served.socket], env)).toMatchObject({ code: 0 });
    expect(await bwctl(['--socket', served.socket, 'status'], env)).toMatchObject({ code: 0 });
  });

  test('no daemon is one line and exit 1', async () => {
    const other = join(served.directory, 'other.sock');
    expect(await bwctl(['status'], { BWCTL_SOCKET: other })).toEqual({
      code: 1,
      stdout: '',
      stderr: `bwctl: no daemon: there is no socket ${other}\n`,
    });
  });

  test('mistakes on the command line are one line and exit 1', async () => {
    for (const words of [
      [],
      ['set'],
      ['nosuch'],
      ['status', '--nosuch'],
      ['explain', 'tcp', 'a'],
    ]) {
      const { code, stdout, stderr } = await ask(...words);
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(/^bwctl: [^\n]+\n$/);
    }
  });

  test('an option of a later release is not there', async () => {
    const { stderr } = await ask('apply', 'x.yaml', '--reject');
    expect(stderr).toContain("unknown option '--reject'");
  });
});
