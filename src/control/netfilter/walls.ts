/** The walls of this network namespace, by their nft tables: they stand while no daemon runs, too. */
import { nft, nftIfThere } from './nft.js';
import { logPrefix, tableName } from './table.js';

/** A node and the ports that its tables guard. */
export interface StandingWall {
  readonly node: string;
  readonly ports: readonly string[];
}

/** One item of a listing; nft(8) calls the format libnftables-json. */
interface Item {
  readonly table?: { readonly family: string; readonly name: string };
  readonly chain?: { readonly dev?: unknown };
  readonly set?: { readonly name: string; readonly elem?: unknown };
  readonly rule?: { readonly expr?: readonly { readonly log?: { readonly prefix?: string } }[] };
}

const TABLE_START = tableName('');
const PREFIX_START = logPrefix('');

/** Every wall whose tables are loaded. Throws NftError. */
export async function standingWalls(): Promise<StandingWall[]> {
  const walls = new Map<string, StandingWall>();
  for (const { family, name } of parseTables(await nft(['-j', 'list', 'tables']))) {
    const listed = await nftIfThere(['-j', 'list', 'table', family, name]);
    if (listed === undefined) continue;
    const { node, ports } = parseWall(listed);
    const before = walls.get(name);
    walls.set(name, {
      node: node ?? before?.node ?? name.slice(TABLE_START.length),
      ports: [...new Set([...(before?.ports ?? []), ...ports])],
    });
  }
  return [...walls.values()];
}

/** The tables of walls in a JSON listing of tables; those of family `bridge`, which name their node, last. */
export function parseTables(json: string): { family: string; name: string }[] {
  const tables = itemsOf(json).flatMap(({ table }) => {
    if (table === undefined || !table.name.startsWith(TABLE_START)) return [];
    const { family, name } = table;
    return family === 'bridge' || family === 'netdev' ? [{ family, name }] : [];
  });
  return tables.sort((a, b) => b.family.localeCompare(a.family));
}

/** What a JSON listing of one table of a wall says; `node` undefined: it does not say whose it is. */
export function parseWall(json: string): { node: string | undefined; ports: string[] } {
  let node: string | undefined;
  const ports: string[] = [];
  for (const { chain, set, rule } of itemsOf(json)) {
    ports.push(...texts(chain?.dev));
    if (set?.name === 'ports') ports.push(...texts(set.elem));
    for (const { log } of rule?.expr ?? []) {
      const prefix = log?.prefix ?? '';
      if (prefix.startsWith(PREFIX_START)) node = prefix.slice(PREFIX_START.length);
    }
  }
  return { node, ports };
}

function itemsOf(json: string): Item[] {
  return (JSON.parse(json) as { nftables?: Item[] }).nftables ?? [];
}

/** nft writes a list of one as its only item. */
function texts(value: unknown): string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.filter((item): item is string => typeof item === 'string');
}
