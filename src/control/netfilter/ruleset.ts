/**
 * The number of the ruleset of this network namespace, which grows by one with every transaction,
 * and the notifications of who changed what.
 */
import { Attributes, Family, NetlinkConnection, type NetlinkMessage } from '../netlink/index.js';
import { tableName } from './table.js';

const SUBSYSTEM = 10;
const Message = { NEW_GENERATION: 15, GET_GENERATION: 16 } as const;
const type = (message: number) => (SUBSYSTEM << 8) | message;
const GenerationAttribute = { ID: 1, PROCESS_NAME: 3 } as const;
/** The table's name: the same number in the messages of tables, chains, rules, sets and elements. */
const TABLE_NAME = 1;
const MULTICAST_GROUP = 7;
/** struct nfgenmsg; the lower half of the ruleset's number is its last field. */
const HEADER = 4;
const NUMBER_AT = 2;

/** Reads the number of the ruleset. */
export class Ruleset implements Disposable {
  readonly #connection = new NetlinkConnection(Family.NETFILTER);

  /** Throws NetlinkError. */
  async number(): Promise<number> {
    const body = Buffer.alloc(HEADER);
    const what = 'asking for the generation of the nft rules';
    const answers = await this.#connection.request(what, type(Message.GET_GENERATION), body);
    return rulesetNumber(answers) ?? 0;
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What a watch of the ruleset calls back for. */
export interface RulesetListener {
  /** Something in the tables of the node changed, in the transaction with this number (16 bits). */
  onTouched(number: number): void;
  /** A transaction is over; `by` is the name of the process that made it. */
  onTransaction(number: number, by: string): void;
}

/** Watches for changes of a node's tables until it is closed. Throws NetlinkError. */
export class RulesetWatch implements Disposable {
  readonly #connection: NetlinkConnection;

  constructor(node: string, listener: RulesetListener) {
    const table = tableName(node);
    this.#connection = new NetlinkConnection(Family.NETFILTER, {
      onMessages: (messages) => {
        for (const message of messages) tell(listener, table, message);
      },
    });
    this.#connection.join(MULTICAST_GROUP);
  }

  close(): void {
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function tell(listener: RulesetListener, table: string, message: NetlinkMessage): void {
  if (message.type >> 8 !== SUBSYSTEM || message.payload.length < HEADER) return;
  const attributes = new Attributes(message.payload, HEADER);
  if (message.type === type(Message.NEW_GENERATION)) {
    const number = attributes.u32be(GenerationAttribute.ID);
    const by = attributes.text(GenerationAttribute.PROCESS_NAME) ?? '';
    if (number !== undefined) listener.onTransaction(number, by);
  } else if (attributes.text(TABLE_NAME) === table) {
    listener.onTouched(message.payload.readUInt16BE(NUMBER_AT));
  }
}

function rulesetNumber(messages: readonly NetlinkMessage[]): number | undefined {
  const found = messages.find((message) => message.type === type(Message.NEW_GENERATION));
  return found && new Attributes(found.payload, HEADER).u32be(GenerationAttribute.ID);
}
