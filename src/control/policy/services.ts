import {
  type CodeRange,
  PROTO_SCTP,
  PROTO_TCP,
  PROTO_UDP,
  protocolRanges,
  SERVICE_CODES,
  SERVICE_ICMP,
  SERVICE_ICMP6,
  serviceCode,
} from './codes.js';
import { quote } from './errors.js';

/** Codes of a service, or why a text names none. */
export type ServiceReading =
  | { readonly items: readonly CodeRange[]; readonly all: boolean }
  | { readonly problem: string; readonly hint: string };

/** Names of services that exist without being defined. */
export const BUILT_IN_SERVICES: ReadonlyMap<string, readonly CodeRange[]> = new Map([
  ['all', [{ low: 0, high: SERVICE_CODES - 1 }]],
  ['ping', [single(SERVICE_ICMP + 8), single(SERVICE_ICMP6 + 128)]],
]);

/** Words that a service may not be called, because a literal or a built-in service means them. */
export const RESERVED_SERVICE_NAMES: ReadonlySet<string> = new Set([
  ...BUILT_IN_SERVICES.keys(),
  'any',
  'icmp',
  'icmp6',
  'proto',
  'tcp',
  'udp',
  'sctp',
]);

const TRANSPORTS: ReadonlyMap<string, number> = new Map([
  ['tcp', PROTO_TCP],
  ['udp', PROTO_UDP],
  ['sctp', PROTO_SCTP],
]);

function single(code: number): CodeRange {
  return { low: code, high: code };
}

/** Does the text have the form of a literal (`25/tcp`, `icmp/8`), right or wrong? */
export function looksLikeService(text: string): boolean {
  return text.includes('/') || /^\d/.test(text);
}

/** Reads `25/tcp`, `33434-33534/udp`, `9/sctp`, `icmp/8`, `icmp6/128` or `proto/47`. */
export function readService(text: string): ServiceReading {
  const [before, after, ...rest] = text.split('/');
  if (before === undefined || after === undefined || rest.length > 0) {
    const known = /^\d+(-\d+)?$/.test(text) ? `write ${text}/tcp or ${text}/udp` : FORMS;
    return { problem: `${quote(text)} is not a service`, hint: known };
  }
  if (before === 'icmp' || before === 'icmp6') return readType(text, before, after);
  if (before === 'proto') return readProtocol(text, after);
  const protocol = TRANSPORTS.get(after);
  if (protocol !== undefined) return readPorts(text, before, after, protocol);
  const lower = after.toLowerCase();
  if (TRANSPORTS.has(lower)) {
    return { problem: `${quote(text)} is not a service`, hint: `write ${before}/${lower}` };
  }
  if (TRANSPORTS.has(before)) {
    return { problem: `${quote(text)} is not a service`, hint: `write ${after}/${before}` };
  }
  return { problem: `${quote(text)} is not a service`, hint: FORMS };
}

const FORMS =
  'services are 25/tcp, 33434-33534/udp, 9/sctp, icmp/8, icmp6/128, proto/47, ping, all, or a name under services';

function readPorts(text: string, ports: string, suffix: string, protocol: number): ServiceReading {
  const match = /^(\d+)(?:-(\d+))?$/.exec(ports);
  if (match === null) return { problem: `${quote(text)} is not a service`, hint: FORMS };
  const numbers = [match[1]!, match[2] ?? match[1]!];
  for (const number of numbers) {
    if (Number(number) > 65535) {
      return { problem: `port ${number} is over 65535`, hint: 'ports go from 0 to 65535' };
    }
    if (number.length > 1 && number.startsWith('0')) {
      const plain = numbers.map(Number);
      const range = match[2] === undefined ? `${plain[0]}` : plain.join('-');
      return { problem: `port ${number} has a leading zero`, hint: `write ${range}/${suffix}` };
    }
  }
  const low = Number(numbers[0]);
  const high = Number(numbers[1]);
  if (low > high) {
    return {
      problem: `the range ${ports} runs backwards`,
      hint: `write ${high}-${low}/${suffix}`,
    };
  }
  const range = {
    low: serviceCode(4, protocol, low),
    high: serviceCode(4, protocol, high),
  };
  return { items: [range], all: false };
}

function readType(text: string, family: 'icmp' | 'icmp6', type: string): ServiceReading {
  if (!isByte(type)) {
    const echo = family === 'icmp' ? 'icmp/8' : 'icmp6/128';
    return {
      problem: `${quote(text)} has no message type between 0 and 255`,
      hint: `write the number of the type, as in ${echo} for echo requests`,
    };
  }
  const base = family === 'icmp' ? SERVICE_ICMP : SERVICE_ICMP6;
  return { items: [single(base + Number(type))], all: false };
}

function readProtocol(text: string, protocol: string): ServiceReading {
  if (!isByte(protocol)) {
    return {
      problem: `${quote(text)} has no IP protocol between 0 and 255`,
      hint: 'write the number of the protocol, as in proto/47 for GRE',
    };
  }
  return { items: protocolRanges(Number(protocol)), all: false };
}

function isByte(text: string): boolean {
  return /^(0|[1-9]\d{0,2})$/.test(text) && Number(text) <= 255;
}
