import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  DEFAULT_TIMEOUTS,
  loadNodeConfig,
  parseNodeConfig,
} from '../../../../src/control/config/index.js';

const minimal = `node: fw1
bridge:
  name: br0
  ports:
    - {name: up0, side: uplink}
    - {name: dn0, side: inside}
`;

function fails(text: string): ConfigError {
  try {
    parseNodeConfig(text, 'node.yaml');
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe('a node file', () => {
  it('needs only node, bridge.name and bridge.ports', () => {
    expect(parseNodeConfig(minimal, 'node.yaml')).toEqual({
      node: 'fw1',
      bridge: {
        name: 'br0',
        ports: [
          { name: 'up0', side: 'uplink' },
          { name: 'dn0', side: 'inside' },
        ],
        stp: 'off',
        reserved: { bpdu: 'forward', lldp: 'drop', lacp: 'drop', eapol: 'drop' },
      },
      attach: 'auto',
      api: { socket: '/run/bridgewall/fw1.sock', listen: null, tls: null, clients: null },
      state: { max: 262144, liberal: false, counters: false, timeouts: DEFAULT_TIMEOUTS },
      log: { group: 5, rate: 100 },
      inspect: { queue: 0 },
      ha: null,
      store: '/var/lib/bridgewall/fw1',
      pins: '/run/bridgewall/bpf',
    });
  });

  it('takes every key that it knows', () => {
    const config = parseNodeConfig(
      `node: fw-2
bridge:
  name: wall
  ports: [{name: a, side: inside}, {name: b.7, side: uplink}, {name: c, side: uplink}]
  stp: off
  reserved: {bpdu: drop, lldp: forward}
attach: generic
api: {socket: /tmp/x/../y.sock}
state: {max: 1000, liberal: true, counters: true, timeouts: {tcp-established: 1d12h, udp: 45s}}
log: {group: 65535, rate: 600/m}
store: /srv/store
pins: /sys/fs/bpf
`,
      'node.yaml',
    );
    expect(config.bridge.ports.map((port) => port.name)).toEqual(['a', 'b.7', 'c']);
    expect(config.bridge.reserved).toEqual({
      bpdu: 'drop',
      lldp: 'forward',
      lacp: 'drop',
      eapol: 'drop',
    });
    expect(config).toMatchObject({
      attach: 'generic',
      api: { socket: '/tmp/y.sock' },
      state: {
        max: 1000,
        liberal: true,
        counters: true,
        timeouts: { ...DEFAULT_TIMEOUTS, 'tcp-established': 129_600, udp: 45 },
      },
      log: { group: 65535, rate: 10 },
      store: '/srv/store',
      pins: '/sys/fs/bpf',
    });
  });

  it.each([
    ['100/s', 100],
    ['30/m', 1],
    ['1/h', 1],
    ['7200/h', 2],
  ])('reads the rate %s as %i per second', (rate, expected) => {
    expect(parseNodeConfig(`${minimal}log: {rate: ${rate}}\n`, 'f').log.rate).toBe(expected);
  });

  it.each(['100', '0/s', '1/d', '-1/s', '1.5/s', '100 /s', '1/s/s'])(
    'refuses the rate %s',
    (rate) => {
      const error = fails(`${minimal}log: {rate: "${rate}"}\n`);
      expect(error.message).toBe(
        'node.yaml:7:13: log.rate is no rate; write it as 100/s, 30/m or 500/h',
      );
    },
  );
});

describe('a mistake in a node file', () => {
  const ports = (...items: string[]) =>
    `node: fw1\nbridge:\n  name: br0\n  ports:\n${items.map((item) => `    - ${item}\n`).join('')}`;

  it.each([
    ['', 'invalid', 'node.yaml:1:1: the node file must be a mapping; it is empty'],
    [
      '[1]',
      'invalid',
      /^node\.yaml:1:1: the node file must be a mapping; its keys are node, bridge,/,
    ],
    ['bridge: {}\n', 'missing', 'node.yaml:1:1: the node file has no node; for example node: fw1'],
    ['node: fw1\n', 'missing', /^node\.yaml:1:1: the node file has no bridge; /],
    [
      `${minimal}atach: tc\n`,
      'unknown-key',
      'node.yaml:7:1: unknown key atach; did you mean attach?',
    ],
    [
      `${minimal}zebra: 1\n`,
      'unknown-key',
      /^node\.yaml:7:1: unknown key zebra; known here: node,/,
    ],
    [
      `${minimal}attach: xpd\n`,
      'invalid',
      /^node\.yaml:7:9: attach must be one of .*; did you mean xdp\?$/,
    ],
    [`${minimal}api:\n`, 'invalid', 'node.yaml:7:1: api must be a mapping; it is empty'],
    [
      `${minimal}  stp: kernel\n  reserved: {bpdu: forward}\n`,
      'invalid',
      'node.yaml:8:20: bridge.reserved.bpdu: forward contradicts bridge.stp: kernel; leave bpdu out: with stp: kernel BPDUs are for the kernel bridge',
    ],
    [
      `${minimal}  reserved: {lldp: forward, bpdu: drop}\n  stp: kernel\n`,
      'invalid',
      /^node\.yaml:7:35: bridge\.reserved\.bpdu: drop contradicts bridge\.stp: kernel/,
    ],
    [
      `${minimal}node: fw2\n`,
      'duplicate',
      /^node\.yaml:7:1: the same key stands here a second time/,
    ],
    [
      `${minimal}state: {max: 0}\n`,
      'invalid',
      /^node\.yaml:7:14: state\.max must be a whole number from 1 to/,
    ],
    [
      `${minimal}state: {timeouts: {udp: 30}}\n`,
      'invalid',
      'node.yaml:7:25: state.timeouts.udp is no duration; a unit is missing: 30s?',
    ],
    [
      `${minimal}state: {timeouts: {udp: soon}}\n`,
      'invalid',
      'node.yaml:7:25: state.timeouts.udp is no duration; write it as 30s, 90m or 5d',
    ],
    [
      `${minimal}state: {timeouts: {udp: 0s}}\n`,
      'invalid',
      'node.yaml:7:25: state.timeouts.udp: 0s is not between 1s and 365d',
    ],
    [
      `${minimal}state: {timeouts: {icmp: [1s]}}\n`,
      'invalid',
      'node.yaml:7:26: state.timeouts.icmp must be a text',
    ],
    [
      `${minimal}state: {timeouts: {tcp-estblished: 1d}}\n`,
      'unknown-key',
      'node.yaml:7:20: unknown key state.timeouts.tcp-estblished; did you mean tcp-established?',
    ],
    [
      `${minimal}log: {group: 65536}\n`,
      'invalid',
      /^node\.yaml:7:14: log\.group must be a whole number/,
    ],
    [
      `${minimal}store: rel/ative\n`,
      'invalid',
      'node.yaml:7:8: store must be an absolute path; begin it with /',
    ],
    [
      `${minimal}api: {socket: /${'s'.repeat(107)}}\n`,
      'invalid',
      /longer than a socket's path may be/,
    ],
    ['node: [\n', 'syntax', /^node\.yaml:\d+:\d+: not valid YAML: /],
    [minimal.replace('fw1', 'fw.1'), 'invalid', /^node\.yaml:1:7: node: "fw\.1" is no node name; /],
    [
      minimal.replace('fw1', '17'),
      'invalid',
      'node.yaml:1:7: node must be a text; put it in quotes',
    ],
    [
      minimal.replace('br0', 'a-bridge-too-far'),
      'invalid',
      /^node\.yaml:3:9: bridge\.name: .* is no interface name/,
    ],
    [
      ports('{name: a, side: uplink}'),
      'invalid',
      'node.yaml:5:5: bridge.ports names 1 port; a bridge takes 2 to 64',
    ],
    [
      ports('{name: a, side: uplink}', '{name: a, side: inside}'),
      'duplicate',
      'node.yaml:6:14: port a is named twice; first on line 5',
    ],
    [
      ports('{name: a, side: uplink}', '{name: br0, side: inside}'),
      'duplicate',
      /bridge's own name/,
    ],
    [
      ports('{name: a, side: uplink}', '{name: b}'),
      'missing',
      /^node\.yaml:6:7: bridge\.ports\[1\] has no side/,
    ],
    [
      ports('{name: a, side: uplink}', '{name: b, side: outside}'),
      'invalid',
      /must be one of uplink, inside/,
    ],
    [
      ports('{mac: "02:00:00:00:00:01", side: uplink}', '{name: b, side: inside}'),
      'unsupported',
      'node.yaml:5:8: bridge.ports[0].mac is not supported yet',
    ],
    [
      ports('{name: a, side: uplink, hairpin: true}', '{name: b, side: inside}'),
      'unsupported',
      /hairpin is not supported yet/,
    ],
    [
      ports('{name: "a*", side: uplink}', '{name: b, side: inside}'),
      'invalid',
      /is no interface name/,
    ],
    [
      ports(...Array.from({ length: 65 }, (_, i) => `{name: p${i}, side: inside}`)),
      'invalid',
      /names 65 ports/,
    ],
  ])('%#: points at it in one line', (text, code, message) => {
    const error = fails(text);
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('\n');
    if (typeof message === 'string') expect(error.message).toBe(message);
    else expect(error.message).toMatch(message);
  });
});

describe('loading', () => {
  it('reads a file and names it in errors', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'bw-config-'));
    try {
      const file = join(directory, 'node.yaml');
      await writeFile(file, minimal);
      expect((await loadNodeConfig(file)).node).toBe('fw1');
      await expect(loadNodeConfig(join(directory, 'none'))).rejects.toThrow(
        `${join(directory, 'none')}:1:1: no such file`,
      );
      await expect(loadNodeConfig(directory)).rejects.toMatchObject({ code: 'unreadable' });
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});
