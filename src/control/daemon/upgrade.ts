/** Puts this version of the dataplane in the place of the one that judges. */
import type { Logger } from 'pino';
import {
  carryFirstMembers,
  type Dataplane,
  DataplaneError,
  Installer,
  type NumberedPort,
  type OldPolicy,
  type Prepared,
  portNumbers,
  type UpgradeReport,
} from '../dataplane/index.js';
import type { EventFields } from '../events.js';
import type { GenerationRecord, GenerationStore } from '../store/index.js';
import { PolicyCompiler } from './compiler/compiler.js';
import { numberingOf } from './records.js';

/**
 * Does nothing when this version judges already. The ports and the node must have been written.
 * @throws DataplaneError `upgrade`; the wall that stands is left as it is
 */
export async function upgradeWall(
  dataplane: Dataplane,
  store: GenerationStore<GenerationRecord>,
  ports: readonly NumberedPort[],
): Promise<UpgradeReport | null> {
  const { upgrade } = dataplane;
  if (upgrade === null) return null;
  try {
    if (upgrade.policyMoves) await carryPolicy(dataplane, upgrade.oldPolicy(), store, ports);
    const members = upgrade.oldMembers();
    const homeless = members && (await carryFirstMembers(members.map, members.types, dataplane));
    const report = upgrade.run();
    return { ...report, lost: report.lost + (homeless ?? 0) };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const stands = upgrade.abandon()
      ? 'the wall stands as it is, with the programs of the version before'
      : 'the wall stands, and the next start goes on with it';
    throw new DataplaneError('upgrade', `cannot upgrade the dataplane: ${words}; ${stands}`, {
      cause: error,
    });
  }
}

/** In jiffies; zero would be never. */
const LONG_AGO = 1n;

/**
 * What judges in maps of another layout is compiled anew into the new ones: the same generation, on
 * trial until the same moment, and under the same epoch, so that no state is judged again.
 */
async function carryPolicy(
  dataplane: Dataplane,
  old: OldPolicy,
  store: GenerationStore<GenerationRecord>,
  ports: readonly NumberedPort[],
): Promise<void> {
  const installer = new Installer(dataplane, () => portNumbers(ports));
  if (old.generation !== 0) {
    // The tables are not new, whatever a version knew that did not note it.
    installer.judgingSince(LONG_AGO);
    if (old.deadline !== null) installer.install(await prepared(installer, store, old.fallback));
    installer.install(await prepared(installer, store, old.generation), old.deadline);
  }
  installer.cell.continueAt(old.epoch);
}

async function prepared(
  installer: Installer,
  store: GenerationStore<GenerationRecord>,
  generation: number,
): Promise<Prepared> {
  const record = await store.read(generation);
  const { plan } = await new PolicyCompiler().recompile(record);
  return installer.prepare(plan, generation, numberingOf(record), true);
}

export function tellUpgrade(log: Logger, { states, ...report }: UpgradeReport): void {
  log.info({ ...report, ...states }, 'upgraded the running dataplane');
  if (report.lost > 0) {
    log.error({ lost: report.lost }, 'the new tables had no room for all of the old ones');
  }
}

export function upgradeFields(report: UpgradeReport): EventFields['upgraded'] {
  const { from, to, shared, migrated, states, ms } = report;
  return {
    ...{ from, to, ms },
    shared: shared.length,
    migrated: migrated.join(' '),
    states: states.established + states.pending,
  };
}
