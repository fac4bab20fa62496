import type { Mother } from '../../../../cascade/mothers/mother.ts'
import type { Mothers } from '../../../../cascade/mothers/mothers.ts'
import type { Result } from '../../../../wire/rpc/methods.ts'
import type { HandlersOf } from '../../calls/handler-types.ts'

export interface MothersFacts {
  readonly mothers: Mothers
}

type Names = 'mothers.list' | 'mothers.add' | 'mothers.update' | 'mothers.remove'

export function mothersHandlers({ mothers }: MothersFacts): HandlersOf<Names> {
  return {
    'mothers.list': async () => mothers.list().map((mother) => rowOf(mother, mothers)),
    'mothers.add': async (fields) => changed(await mothers.add(fields)),
    'mothers.update': async ({ id, ...fields }) => changed(await mothers.update(id, fields)),
    'mothers.remove': async ({ id }) => {
      await mothers.remove(id)
      return changed({ id })
    },
  }
}

function changed({ id }: Pick<Mother, 'id'>): Result<'mothers.add'> {
  return { id, success: true }
}

function rowOf(mother: Mother, mothers: Mothers): Result<'mothers.list'>[number] {
  const { token, tokenEnv, leaseUsd, ...fields } = mother
  const { state, models, problem, checkedAt } = mothers.status(mother.id)
  const row = {
    ...fields,
    token_env: tokenEnv,
    lease_usd: leaseUsd,
    has_token: (token ?? tokenEnv) !== undefined,
    state: mother.enabled ? state : 'disabled',
    models,
    problem,
    checked_at: checkedAt === undefined ? undefined : Math.floor(checkedAt / 1000),
  } as const
  return Object.fromEntries(
    Object.entries(row).filter(([, value]) => value !== undefined),
  ) as Result<'mothers.list'>[number]
}
