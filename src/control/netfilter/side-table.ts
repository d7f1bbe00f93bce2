/**
 * The nft rules of the detour, in the families `ip` and `ip6`: frames on the side bridge get a
 * conntrack zone by their VLAN and the helper of their rule, wait for a consumer of the queue if the
 * rule says so, and get the mark of what is done. Without that mark nothing leaves the side bridge, so
 * that the loss of these tables stops such connections and opens nothing.
 *
 * nft of Debian 12 knows no way to write two of the rules: the zone by the mark, and NFQUEUE on a
 * kernel without the expression of nft for it. Those are sent as they are; until they are there the
 * chains that wait for them drop.
 */
import { AttributeWriter, Family, NetlinkConnection } from '../netlink/index.js';
import { nft, nftIfThere } from './nft.js';
import { Mark } from './table.js';

/** What the rules depend on. */
export interface SideSpec {
  readonly node: string;
  /** The side bridge. */
  readonly bridge: string;
  /** Its port that frames enter by. */
  readonly in: string;
  /** NFQUEUE number. */
  readonly queue: number;
  /** Helpers by number - 1. */
  readonly helpers: readonly {
    readonly name: string;
    readonly protocol: string;
    readonly families: readonly string[];
  }[];
}

/** `enum detour_mark` of bpf/layout_detour.h. */
export const DetourMark = { VID: 0xfff, HELPER_AT: 12, INSPECT: 0x10000, OPEN: 0x20000 } as const;

const FAMILIES = ['ip', 'ip6'] as const;
const FAMILY_NUMBERS = { ip: 2, ip6: 10 } as const;
const SUBSYSTEM = 10;
const NEW_RULE = (SUBSYSTEM << 8) | 6;
const FLAG = { CREATE: 0x400, APPEND: 0x800 } as const;

/** Name of the tables of a node's detour. */
export function sideTableName(node: string): string {
  return `bwside_${node.replaceAll('-', '_')}`;
}

/** A transaction after which the tables are there, but for the rules that nft cannot write. */
export function renderSide(spec: SideSpec): string {
  const bridge = `table bridge ${sideTableName(spec.node)} {
\tchain input {
\t\ttype filter hook input priority -350; policy accept;
\t\tiifname "${spec.in}" drop
\t}
}
`;
  return `${renderSideRemoval(spec.node)}${FAMILIES.map((f) => renderFamily(f, spec)).join('')}${bridge}`;
}

export function renderSideRemoval(node: string): string {
  const name = sideTableName(node);
  return [...FAMILIES, 'bridge']
    .map((family) => `add table ${family} ${name}\ndelete table ${family} ${name}\n`)
    .join('');
}

function renderFamily(family: string, { node, bridge, helpers }: SideSpec): string {
  const here = helpers
    .map((helper, i) => ({ ...helper, number: (i + 1) << DetourMark.HELPER_AT }))
    .filter(({ families }) => families.includes(family));
  const objects = here.map(
    ({ name, protocol }) =>
      `\tct helper ${name} {\n\t\ttype "${name}" protocol ${protocol};\n\t}\n`,
  );
  const given = here.map(({ name, protocol, number }) => {
    const asked = `meta mark and ${hex(0xf << DetourMark.HELPER_AT)} == ${hex(number)}`;
    return `\t\tmeta l4proto ${protocol} ${asked} ct state new ct helper set "${name}"\n`;
  });
  return `table ${family} ${sideTableName(node)} {
${objects.join('')}
\tchain zone {
\t}

\tchain enter {
\t\ttype filter hook prerouting priority -300; policy accept;
\t\tiifname != "${bridge}" accept
\t\tmeta mark and ${hex(Mark.KIND)} != ${hex(Mark.DETOUR)} drop
\t\tjump zone
\t}

\tchain helper {
\t\ttype filter hook prerouting priority -150; policy accept;
\t\tiifname != "${bridge}" accept
${given.join('')}\t}

\tchain closed {
\t\tdrop
\t}

\tchain open {
\t\tdrop
\t}

\tchain inspect {
\t\ttype filter hook forward priority -140; policy accept;
\t\tiifname != "${bridge}" accept
\t\tmeta mark and ${hex(DetourMark.INSPECT)} == 0 accept
\t\tmeta mark and ${hex(DetourMark.OPEN)} != 0 goto open
\t\tgoto closed
\t}

\tchain done {
\t\ttype filter hook postrouting priority 400; policy accept;
\t\toifname != "${bridge}" accept
\t\tmeta mark and ${hex(Mark.KIND)} == ${hex(Mark.DETOUR)} meta mark set meta mark and 0xffffff or ${hex(Mark.DETOUR_DONE)}
\t}
}
`;
}

/** The tables of a node's detour as this process loaded them, in its own network namespace. */
export class SideTable {
  readonly spec: SideSpec;
  #listing = '';

  constructor(spec: SideSpec) {
    this.spec = spec;
  }

  /** Loads the tables, in place of those that may be there. Throws NftError, NetlinkError. */
  async load(): Promise<void> {
    await nft(['-f', '-'], renderSide(this.spec));
    using connection = new NetlinkConnection(Family.NETFILTER);
    const what = 'loading the rules of inspection (nft_compat and xt_NFQUEUE of the kernel)';
    await connection.transaction(
      what,
      SUBSYSTEM,
      FAMILIES.flatMap((f) => rulesOf(f, this.spec)),
    );
    this.#listing = await this.#list();
  }

  /** Whether the tables are what they were when they were loaded. Throws NftError. */
  async isIntact(): Promise<boolean> {
    return (await this.#list()) === this.#listing;
  }

  /** Removes the tables of a node; it is no error when there are none. Throws NftError. */
  static async remove(node: string): Promise<void> {
    const name = sideTableName(node);
    for (const family of [...FAMILIES, 'bridge']) {
      if ((await nftIfThere(['list', 'table', family, name])) === undefined) continue;
      await nft(['delete', 'table', family, name]);
    }
  }

  async #list(): Promise<string> {
    const name = sideTableName(this.spec.node);
    const parts: string[] = [];
    for (const family of [...FAMILIES, 'bridge']) {
      parts.push((await nftIfThere(['-s', 'list', 'table', family, name])) ?? '');
    }
    return parts.join('');
  }
}

function rulesOf(family: (typeof FAMILIES)[number], { node, queue }: SideSpec) {
  const table = sideTableName(node);
  const rule = (chain: string, fill: (list: AttributeWriter) => void, flags: number) => {
    const header = Buffer.from([FAMILY_NUMBERS[family], 0, 0, 0]);
    const attributes = new AttributeWriter()
      .text(RuleAttribute.TABLE, table)
      .text(RuleAttribute.CHAIN, chain)
      .nest(RuleAttribute.EXPRESSIONS, fill);
    return { type: NEW_RULE, flags, body: Buffer.concat([header, attributes.finish()]) };
  };
  // Without APPEND before what drops.
  return [
    rule('zone', zoneByMark, FLAG.CREATE | FLAG.APPEND),
    rule('closed', (list) => queueTarget(list, queue, 0), FLAG.CREATE),
    rule('open', (list) => queueTarget(list, queue, BYPASS), FLAG.CREATE),
  ];
}

const RuleAttribute = { TABLE: 1, CHAIN: 2, EXPRESSIONS: 4 } as const;
const ListElement = 1;
const Expression = { NAME: 1, DATA: 2 } as const;

function expression(
  list: AttributeWriter,
  name: string,
  fill: (data: AttributeWriter) => void,
): void {
  list.nest(ListElement, (one) => one.text(Expression.NAME, name).nest(Expression.DATA, fill));
}

const Register = 8;
const Meta = { DREG: 1, KEY: 2, MARK: 3 } as const;
const Bitwise = { SREG: 1, DREG: 2, LEN: 3, MASK: 4, XOR: 5 } as const;
const Conntrack = { KEY: 2, SREG: 4, ZONE: 17 } as const;
const DataValue = 1;

/** `ct zone set meta mark & VID`. */
function zoneByMark(list: AttributeWriter): void {
  const word = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes;
  };
  expression(list, 'meta', (d) => d.u32be(Meta.DREG, Register).u32be(Meta.KEY, Meta.MARK));
  expression(list, 'bitwise', (d) =>
    d
      .u32be(Bitwise.SREG, Register)
      .u32be(Bitwise.DREG, Register)
      .u32be(Bitwise.LEN, 4)
      .nest(Bitwise.MASK, (mask) => mask.bytes(DataValue, word(DetourMark.VID)))
      .nest(Bitwise.XOR, (xor) => xor.bytes(DataValue, word(0))),
  );
  expression(list, 'ct', (d) =>
    d.u32be(Conntrack.KEY, Conntrack.ZONE).u32be(Conntrack.SREG, Register),
  );
}

const Target = { NAME: 1, REVISION: 2, INFO: 3 } as const;
const NFQUEUE_REVISION = 3;
/** NFQ_FLAG_BYPASS: without a consumer the packet goes on. */
const BYPASS = 1;

/** struct xt_NFQ_info_v3, padded as the kernel pads it. */
function queueTarget(list: AttributeWriter, queue: number, flags: number): void {
  const info = Buffer.alloc(8);
  info.writeUInt16LE(queue, 0);
  info.writeUInt16LE(1, 2);
  info.writeUInt16LE(flags, 4);
  expression(list, 'target', (d) =>
    d
      .text(Target.NAME, 'NFQUEUE')
      .u32be(Target.REVISION, NFQUEUE_REVISION)
      .bytes(Target.INFO, info),
  );
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
