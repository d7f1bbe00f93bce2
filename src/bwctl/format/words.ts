/** Small things said the same way everywhere. */
import type { RuleRef } from '../../control/service.js';

/** `aquilante in 25/tcp from any (log)`, `transit all local -> extranet`, `deny all badguys`. */
export function ruleText(rule: RuleRef): string {
  return rule.options === '' ? lineText(rule) : `${lineText(rule)} (${rule.options})`;
}

function lineText(rule: RuleRef): string {
  switch (rule.direction) {
    case 'in':
      return `${rule.host} in ${rule.service} from ${rule.peers}`;
    case 'out':
      return `${rule.host} out ${rule.service} to ${rule.peers}`;
    default:
      return `${rule.direction} ${rule.service} ${rule.peers}`;
  }
}

/** `policy.yaml:12`. */
export function rulePlace(rule: RuleRef): string {
  return `${rule.file}:${rule.line}`;
}

/** `1 rule`, `2 rules`. */
export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

const UNITS = [
  ['d', 86400],
  ['h', 3600],
  ['m', 60],
  ['s', 1],
] as const;

/** Seconds as `4d23h`, `1h30m`, `59s`: the two largest units. */
export function duration(seconds: number): string {
  let rest = Math.round(seconds);
  const parts: string[] = [];
  for (const [unit, size] of UNITS) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole > 0) parts.push(`${whole}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join('') || '0s';
}

/** `10.0.0.1:25`, `[2001:db8::1]:25`, or the address alone when there is no port to it. */
export function endpoint(address: string, port: number | null): string {
  if (port === null) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Whether flows of the protocol have ports. */
export function hasPorts(protocol: string): boolean {
  return protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp';
}

/** Tags from the outside in: `10.20`; `-` when untagged. */
export function vlanText(tags: readonly number[]): string {
  return tags.length === 0 ? '-' : tags.join('.');
}
