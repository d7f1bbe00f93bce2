import { describe, expect, it } from 'vitest';
import {
  ConfigError,
  formatEndpoint,
  parseNodeConfig,
} from '../../../../src/control/config/index.js';

const minimal = `node: fw1
bridge: {name: br0, ports: [{name: up0, side: uplink}, {name: dn0, side: inside}]}
`;
const api = 'api: {listen: "10.99.0.1:7443", tls: {ca: ca.pem, cert: fw1.pem, key: fw1.key}}\n';

function parse(text: string) {
  return parseNodeConfig(`${minimal}${text}`, '/etc/bridgewall/node.yaml');
}

function fails(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof ConfigError) return error.message.replace('/etc/bridgewall/', '');
    throw error;
  }
  throw new Error('was accepted');
}

describe('a node of a pair', () => {
  it('has its listener, its files beside the node file, and its peer', () => {
    const config = parse(
      `${api}ha: {peer: {name: fw2, address: "10.99.0.2:7443"}, priority: 150, preempt: true, manager: external}\n`,
    );
    expect(config.api).toEqual({
      socket: '/run/bridgewall/fw1.sock',
      listen: { host: '10.99.0.1', port: 7443 },
      tls: {
        ca: '/etc/bridgewall/ca.pem',
        cert: '/etc/bridgewall/fw1.pem',
        key: '/etc/bridgewall/fw1.key',
        crl: null,
      },
      clients: null,
    });
    expect(config.ha).toEqual({
      peer: { name: 'fw2', host: '10.99.0.2', port: 7443 },
      priority: 150,
      preempt: true,
      manager: 'external',
    });
  });

  it('has priority 100, does not preempt and sees to its role itself', () => {
    const { ha } = parse(`${api}ha: {peer: {name: fw2, address: "fw2.example.org:7443"}}\n`);
    expect(ha).toEqual({
      peer: { name: 'fw2', host: 'fw2.example.org', port: 7443 },
      priority: 100,
      preempt: false,
      manager: 'internal',
    });
  });
});

describe('a listener', () => {
  it('takes IPv6, other directories, a list of revoked certificates and names of clients', () => {
    const config = parse(
      'api: {listen: "[fd00::1]:1", tls: {ca: /ca.pem, cert: ../c, key: k/k, crl: crl.pem}, clients: [dash, ops.example.org]}\n',
    );
    expect(config.api).toMatchObject({
      listen: { host: 'fd00::1', port: 1 },
      tls: { ca: '/ca.pem', cert: '/etc/c', key: '/etc/bridgewall/k/k' },
      clients: ['dash', 'ops.example.org'],
    });
    expect(config.api.tls?.crl).toBe('/etc/bridgewall/crl.pem');
    expect(config.api.listen && formatEndpoint(config.api.listen)).toBe('[fd00::1]:1');
    expect(config.ha).toBeNull();
  });
});

describe('a mistake in api or ha', () => {
  const peer = '{name: fw2, address: "10.99.0.2:7443"}';
  const tls = 'tls: {ca: a, cert: b, key: c}';
  it.each([
    ['ha: {}\n', 'node.yaml:3:5: ha has no peer; for example peer: {name: fw2, '],
    [`ha: {peer: ${peer}}\n`, 'node.yaml:3:5: ha needs api.listen and api.tls; '],
    [`${api}ha: {peer: {name: fw2}}\n`, 'node.yaml:4:12: ha.peer has no address; for example '],
    [
      `${api}ha: {peer: {name: FW1, address: "10.99.0.2:7443"}}\n`,
      'node.yaml:4:19: ha.peer.name: FW1 is this node; name the other one',
    ],
    [
      `${api}ha: {peer: {name: fw2, address: 10.99.0.2}}\n`,
      'node.yaml:4:33: ha.peer.address is no ADDRESS:PORT; for example 10.99.0.2:7443',
    ],
    [
      `${api}ha: {peer: {name: fw2, address: "10.99.0.256:7443"}}\n`,
      'node.yaml:4:33: ha.peer.address: "10.99.0.256" is no address and no DNS name; ',
    ],
    [
      `${api}ha: {peer: {name: fw2, address: "fw_2:7443"}}\n`,
      'node.yaml:4:33: ha.peer.address: "fw_2" is no address and no DNS name; ',
    ],
    [
      `${api}ha: {peer: ${peer}, priority: 0}\n`,
      'node.yaml:4:62: ha.priority must be a whole number from 1 to 255',
    ],
    [
      `${api}ha: {peer: ${peer}, manager: keepalived}\n`,
      'node.yaml:4:61: ha.manager must be one of internal, external',
    ],
    [`${api}ha: {peer: ${peer}, prempt: true}\n`, 'did you mean preempt?'],
    ['api: {listen: "10.0.0.1:7443"}\n', 'node.yaml:3:15: api.listen needs api.tls; tls: {ca: '],
    [`api: {${tls}}\n`, 'node.yaml:3:12: api.tls needs api.listen; for example listen: '],
    ['api: {clients: [x]}\n', 'node.yaml:3:16: api.clients needs api.listen; '],
    [`api: {listen: 7443, ${tls}}\n`, 'node.yaml:3:15: api.listen must be a text; '],
    [`api: {listen: "fw1:7443", ${tls}}\n`, 'node.yaml:3:15: api.listen: "fw1" is no IP address; '],
    [`api: {listen: "::1:7443", ${tls}}\n`, 'node.yaml:3:15: api.listen is no ADDRESS:PORT; '],
    [`api: {listen: "[::1:7443", ${tls}}\n`, 'node.yaml:3:15: api.listen is no ADDRESS:PORT; '],
    [`api: {listen: "[1.2.3.4]:1", ${tls}}\n`, 'api.listen is no ADDRESS:PORT; '],
    [`api: {listen: "1.2.3.4:0", ${tls}}\n`, 'api.listen is no ADDRESS:PORT; '],
    [`api: {listen: "1.2.3.4:65536", ${tls}}\n`, 'api.listen: port 65536 is above 65535'],
    ['api: {listen: "1.2.3.4:1", tls: {ca: a, cert: b}}\n', 'node.yaml:3:33: api.tls has no key; '],
    [
      'api: {listen: "1.2.3.4:1", tls: {ca: "", cert: b, key: c}}\n',
      'node.yaml:3:38: api.tls.ca must be a text',
    ],
    [
      `api: {listen: "1.2.3.4:1", ${tls}, clients: [a b]}\n`,
      'api.clients[0]: "a b" is no DNS name; ',
    ],
    [`api: {listen: "1.2.3.4:1", ${tls}, clients: [a, a]}\n`, 'client a is named twice'],
  ])('%j', (text, message) => {
    expect(fails(text)).toContain(message);
  });
});
