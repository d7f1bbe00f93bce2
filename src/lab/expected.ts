/**
 * What must happen at the wall, written down by hand from the slide and from aquilante's two files.
 * Nothing here is read from the policy: a policy that says something else is found out.
 */
import type { ActorName, ServiceName } from './site.js';

/** Reasons that a blocked attempt may have, as the drop log names them. */
export type Reason = 'no-in' | 'no-out' | 'not-screened' | 'denied';

/** The words of the slide. */
export type SlideWord = 'allow' | 'limited' | 'block' | 'NA';

/** A service or `ping`. */
export type Probe = ServiceName | 'ping';

/** One direction between two machines: what is open, and why the rest is shut. */
export interface Expectation {
  readonly from: ActorName;
  readonly to: ActorName;
  readonly open: 'everything' | readonly Probe[];
  /** Reason for whatever else the destination serves, and for ping. */
  readonly shut: Reason;
  /** Where the reason is another one. */
  readonly except: Readonly<Partial<Record<Probe, Reason>>>;
}

/** Rows and columns of the slide, in its order. */
export const SLIDE_ACTORS = ['extranet', 'dns', 'mail', 'www', 'auth', 'mbox', 'intranet'] as const;
export type SlideActor = (typeof SLIDE_ACTORS)[number];

/** The slide itself; '' is its diagonal, which no wall sees. */
const SLIDE: Record<SlideActor, readonly (SlideWord | '')[]> = {
  //          Extranet   DNS      MAIL     WWW      AUTH       MBOX     Intranet
  extranet: ['', 'allow', 'allow', 'allow', 'limited', 'block', 'NA'],
  dns: ['allow', '', 'block', 'block', 'block', 'block', 'block'],
  mail: ['allow', 'allow', '', 'block', 'allow', 'allow', 'allow'],
  www: ['block', 'allow', 'block', '', 'allow', 'block', 'block'],
  auth: ['limited', 'allow', 'block', 'block', '', 'block', 'block'],
  mbox: ['block', 'allow', 'block', 'block', 'allow', '', 'block'],
  intranet: ['allow', 'allow', 'allow', 'allow', 'allow', 'allow', ''],
};

/** What the slide says in a cell. */
export function slideWord(from: SlideActor, to: SlideActor): SlideWord | '' {
  return SLIDE[from][SLIDE_ACTORS.indexOf(to)] ?? '';
}

/** Who shows a cell of the slide: `limited` takes the partner, who is let in, and a stranger, who is not. */
export function slidePairs(from: SlideActor, to: SlideActor): [ActorName, ActorName][] {
  const pairs: [ActorName, ActorName][] = [[from, to]];
  if (slideWord(from, to) === 'limited') {
    pairs.push(from === 'extranet' ? ['partner', to] : [from, 'partner']);
  }
  return pairs;
}

const LIST: Expectation[] = [];

function expect(
  from: ActorName,
  to: ActorName,
  open: string,
  shut: Reason,
  except: Expectation['except'] = {},
): void {
  const probes = open.split(' ').filter((word) => word !== '') as Probe[];
  LIST.push({ from, to, open: open === '*' ? 'everything' : probes, shut, except });
}

// Extranet
expect('extranet', 'dns', '53/tcp 53/udp', 'no-in');
expect('extranet', 'mail', '25/tcp 465/tcp 587/tcp', 'no-in');
expect('extranet', 'www', '80/tcp 443/tcp', 'no-in');
expect('extranet', 'auth', '', 'no-in');
expect('partner', 'auth', '636/tcp', 'no-in');
expect('extranet', 'mbox', '', 'no-in');
expect('extranet', 'intranet', '', 'not-screened');
// DNS
expect('dns', 'extranet', '53/tcp 53/udp', 'no-out');
expect('dns', 'mail', '', 'no-out');
expect('dns', 'www', '', 'no-out');
expect('dns', 'auth', '', 'no-out');
expect('dns', 'mbox', '', 'no-out');
expect('dns', 'intranet', '', 'no-out');
// MAIL
expect('mail', 'extranet', '25/tcp', 'no-out');
expect('mail', 'dns', '53/tcp 53/udp', 'no-out');
expect('mail', 'www', '', 'no-out');
expect('mail', 'auth', '636/tcp', 'no-out');
expect('mail', 'mbox', '24/tcp', 'no-out');
expect('mail', 'intranet', '25/tcp', 'no-out');
// WWW
expect('www', 'extranet', '', 'no-out');
expect('www', 'dns', '53/tcp 53/udp', 'no-out');
expect('www', 'mail', '', 'no-out');
expect('www', 'auth', '636/tcp', 'no-out');
expect('www', 'mbox', '', 'no-out');
expect('www', 'intranet', '', 'no-out');
// AUTH
expect('auth', 'extranet', '', 'no-out');
expect('auth', 'partner', '636/tcp', 'no-out');
expect('auth', 'dns', '53/tcp 53/udp', 'no-out');
expect('auth', 'mail', '', 'no-out');
expect('auth', 'www', '', 'no-out');
expect('auth', 'mbox', '', 'no-out');
expect('auth', 'intranet', '', 'no-out');
// MBOX
expect('mbox', 'extranet', '', 'no-out');
expect('mbox', 'dns', '53/tcp 53/udp', 'no-out');
expect('mbox', 'mail', '', 'no-out');
expect('mbox', 'www', '', 'no-out');
expect('mbox', 'auth', '636/tcp', 'no-out');
expect('mbox', 'intranet', '', 'no-out');
// Intranet
expect('intranet', 'extranet', '*', 'not-screened');
expect('intranet', 'dns', '53/tcp 53/udp', 'no-in');
expect('intranet', 'mail', '25/tcp 465/tcp 587/tcp', 'no-in');
expect('intranet', 'www', '80/tcp 443/tcp', 'no-in');
expect('intranet', 'auth', '88/tcp 88/udp 389/tcp 636/tcp', 'no-in');
expect('intranet', 'mbox', '143/tcp 993/tcp', 'no-in');
// The management box is Intranet, and may in addition log in and look whether a server is alive.
expect('mgmt', 'dns', '53/tcp 53/udp 22/tcp ping', 'no-in');
expect('mgmt', 'mail', '25/tcp 465/tcp 587/tcp 22/tcp ping', 'no-in');
expect('mgmt', 'www', '80/tcp 443/tcp 22/tcp ping', 'no-in');
expect('mgmt', 'auth', '88/tcp 88/udp 389/tcp 636/tcp 22/tcp ping', 'no-in');
expect('mgmt', 'mbox', '143/tcp 993/tcp 22/tcp ping', 'no-in');

// aquilante, in: 445/tcp is denied to everyone, before anything else is asked.
const DENIED = { '445/tcp': 'denied' } as const;
expect('extranet', 'aquilante', '25/tcp 465/tcp 587/tcp', 'no-in', DENIED);
expect('capetto', 'aquilante', '25/tcp 465/tcp 587/tcp 1812/udp', 'no-in', DENIED);
expect(
  'intranet',
  'aquilante',
  '25/tcp 465/tcp 587/tcp 80/tcp 443/tcp 12865/tcp 1812/udp',
  'no-in',
  DENIED,
);
expect(
  'mgmt',
  'aquilante',
  '25/tcp 465/tcp 587/tcp 80/tcp 443/tcp 12865/tcp 1812/udp 22/tcp 5000/tcp ping',
  'no-in',
  DENIED,
);
expect(
  'director',
  'aquilante',
  '25/tcp 465/tcp 587/tcp 80/tcp 443/tcp 12865/tcp 1812/udp 9102/tcp',
  'no-in',
  DENIED,
);
// `any` and `local` hold the servers as well, but those have no reason to call.
expect('dns', 'aquilante', '', 'no-out', DENIED);
expect('mail', 'aquilante', '', 'no-out', DENIED);
expect('www', 'aquilante', '', 'no-out', DENIED);
expect('auth', 'aquilante', '', 'no-out', DENIED);
expect('mbox', 'aquilante', '', 'no-out', DENIED);

// aquilante, out. Where its own file says `any`, the other server has a word, too.
expect('aquilante', 'extranet', '25/tcp 80/tcp 443/tcp', 'no-out');
expect('aquilante', 'intranet', '25/tcp 80/tcp 443/tcp', 'no-out');
expect('aquilante', 'dns', '53/tcp 53/udp', 'no-out');
expect('aquilante', 'mail', '', 'no-out', { '25/tcp': 'no-in' });
expect('aquilante', 'www', '', 'no-out', { '80/tcp': 'no-in', '443/tcp': 'no-in' });
expect('aquilante', 'auth', '88/udp 389/tcp 636/tcp', 'no-out');
expect('aquilante', 'mbox', '', 'no-out');
expect('aquilante', 'ntp', '25/tcp 80/tcp 443/tcp 123/udp', 'no-out');
expect('aquilante', 'storage', '443/tcp 9103/tcp', 'no-out');
expect('aquilante', 'syslog', '443/tcp 514/udp', 'no-out');
expect('aquilante', 'capetto', '25/tcp 80/tcp 443/tcp 1812/udp', 'no-out');

/** Every pair that the demo tries. */
export const EXPECTED: readonly Expectation[] = LIST;

/** What must come of one probe. */
export function expectedVerdict(expectation: Expectation, probe: Probe): 'open' | Reason {
  const { open, shut, except } = expectation;
  if (open === 'everything' || open.includes(probe)) return 'open';
  return except[probe] ?? shut;
}
