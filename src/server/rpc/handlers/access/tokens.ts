import type { AdminServices } from '../../../../inference/services/services.ts'
import type { TokenInfo } from '../../../../auth/token-table.ts'
import type { Tokens } from '../../../../auth/tokens.ts'
import type { LimitStore } from '../../../../limits/limit-store.ts'
import type { Result } from '../../../../wire/rpc/methods.ts'
import { checkProviders } from '../../checks/check-providers.ts'
import type { Handlers } from '../../calls/handler-types.ts'

type TokenMethod = Extract<keyof Handlers, `tokens.${string}`>

export interface TokensFacts {
  readonly services: AdminServices
  readonly tokens: Tokens
  readonly rules: LimitStore
}

/** The tokens that callers may use. The limits of a token are a rule like any other. */
export function tokenHandlers(facts: TokensFacts): Pick<Handlers, TokenMethod> {
  const { services, tokens, rules } = facts
  const row = ({ id, label, createdAt, expiresAt, isDisabled }: TokenInfo): Result<'tokens.disable'> => {
    const own = rules.list().find(({ subject }) => subject.scope === 'token' && subject.token === id)
    return {
      id,
      label,
      created_at: createdAt,
      ...(expiresAt === undefined ? {} : { expires_at: expiresAt }),
      disabled: isDisabled,
      ...(own === undefined ? {} : { rule: own.rule }),
    }
  }
  return {
    'tokens.list': async () => tokens.list().map(row),
    'tokens.create': async ({ label, expires_at: expiresAt, rule }) => {
      checkProviders(rule?.providers, services)
      const { info: made, token } = await tokens.create({ label, expiresAt })
      // The token is returned only after its rule is stored.
      if (rule !== undefined) await rules.set({ scope: 'token', token: made.id }, rule)
      return { ...row(made), token: token.reveal() }
    },
    'tokens.disable': async ({ id }) => row(await tokens.setDisabled(id, true)),
    'tokens.enable': async ({ id }) => row(await tokens.setDisabled(id, false)),
    'tokens.update': async ({ id, label, expires_at: expiresAt }) =>
      row(await tokens.update(id, { label, expiresAt })),
    'tokens.rotate': async ({ id }) => {
      const { info, token } = await tokens.rotate(id)
      return { ...row(info), token: token.reveal() }
    },
    'tokens.delete': async ({ id }) => {
      const removed = await tokens.remove(id)
      await rules.remove({ scope: 'token', token: id })
      return { removed }
    },
  }
}
