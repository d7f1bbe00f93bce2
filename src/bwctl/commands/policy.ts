/** `apply` and `plan`. */
import { formatApply, formatPlan } from '../format/policy.js';
import { caller, readPolicy } from '../policy-source.js';
import { DIFFERENT, DONE, type Session } from '../session.js';

/** Installs the policy in `file`. */
export async function apply(session: Session, file: string, why: string): Promise<number> {
  const { node, out, env } = session;
  const applied = await node.apply(await readPolicy(file), caller(env), why);
  await out.show(applied, (value) => formatApply(value, out.paint));
  return DONE;
}

/** Shows what the policy in `file` would change. */
export async function plan({ node, out }: Session, file: string): Promise<number> {
  const planned = await node.plan(await readPolicy(file));
  await out.show(planned, (value) => formatPlan(value, out.paint));
  return planned.differs ? DIFFERENT : DONE;
}
