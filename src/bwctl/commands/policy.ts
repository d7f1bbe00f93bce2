/** `apply`, `plan`, `confirm`, `rollback`. */
import { parseConfirm, parseGeneration } from '../arguments.js';
import { caller } from '../caller.js';
import { formatApply, formatDryRun, formatPlan } from '../format/policy.js';
import { readPolicy } from '../policy-source.js';
import { DIFFERENT, DONE, type Session } from '../session.js';

/** Options of `apply`, as they were typed. */
export interface ApplyWords {
  message?: string;
  confirm?: string;
  dryRun?: boolean;
  ifGeneration?: string;
}

/** Installs the policy in `file`; a dry run does everything but that. */
export async function apply(session: Session, file: string, words: ApplyWords): Promise<number> {
  const { node, out, env } = session;
  const { message: why = '', confirm, dryRun = false, ifGeneration } = words;
  const options = {
    why,
    dryRun,
    confirmSeconds: confirm === undefined ? null : parseConfirm(confirm),
    ifGeneration: ifGeneration === undefined ? null : parseGeneration(ifGeneration, 0),
  };
  const applied = await node.apply(await readPolicy(file), await caller(env), options);
  await out.show(applied, (value) =>
    dryRun ? formatDryRun(value, out.paint) : formatApply(value, out.paint),
  );
  return dryRun && applied.differs ? DIFFERENT : DONE;
}

/** Shows what the policy in `file` would change. */
export async function plan({ node, out }: Session, file: string): Promise<number> {
  const planned = await node.plan(await readPolicy(file));
  await out.show(planned, (value) => formatPlan(value, out.paint));
  return planned.differs ? DIFFERENT : DONE;
}

/** Keeps the policy that was applied with `--confirm`. */
export async function confirm({ node, out, env }: Session): Promise<number> {
  const generation = await node.confirm(await caller(env));
  await out.show({ generation }, () => [`generation ${generation} confirmed: it stays`]);
  return DONE;
}

/** Installs the policy of an earlier generation again. */
export async function rollback(
  { node, out, env }: Session,
  generation: string | undefined,
  why: string,
): Promise<number> {
  const to = generation === undefined ? null : parseGeneration(generation);
  const applied = await node.rollback(to, await caller(env), why);
  await out.show(applied, (value) => formatApply(value, out.paint));
  return DONE;
}
