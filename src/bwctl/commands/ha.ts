/** `ha status`, `ha takeover`, `ha yield`. */
import type { HaStatus } from '../../control/service.js';
import { caller } from '../caller.js';
import { formatHa } from '../format/ha.js';
import { DONE, type Session } from '../session.js';

export async function status(session: Session): Promise<number> {
  return await show(session, await session.node.ha());
}

export async function takeOver(session: Session, force: boolean): Promise<number> {
  return await show(session, await session.node.haTakeover(await caller(session.env), force));
}

export async function yieldRole(session: Session): Promise<number> {
  return await show(session, await session.node.haYield(await caller(session.env)));
}

async function show({ out }: Session, ha: HaStatus): Promise<number> {
  await out.show(ha, () => formatHa(ha, out.paint));
  return DONE;
}
