import type { Tokens } from '../../../auth/tokens.ts'
import type { RuleBook } from '../../../limits/limit-store.ts'

/** The limit rules; a change resolves after `tell` has sent it to all workers. */
export function tellingRules(rules: RuleBook, tell: () => Promise<void>): RuleBook {
  return {
    list: () => rules.list(),
    get: (subject) => rules.get(subject),
    boundsOf: (caller) => rules.boundsOf(caller),
    async set(subject, rule) {
      await rules.set(subject, rule)
      await tell()
    },
    async remove(subject) {
      const wasThere = await rules.remove(subject)
      await tell()
      return wasThere
    },
  }
}

/** The API tokens; a change resolves after `tell` has sent it to all workers. */
export function tellingTokens(tokens: Tokens, tell: () => Promise<void>): Tokens {
  return {
    list: () => tokens.list(),
    find: (shown) => tokens.find(shown),
    kept: () => tokens.kept(),
    async create(wish) {
      const made = await tokens.create(wish)
      await tell()
      return made
    },
    async setDisabled(id, isDisabled) {
      const facts = await tokens.setDisabled(id, isDisabled)
      await tell()
      return facts
    },
    async remove(id) {
      const wasThere = await tokens.remove(id)
      await tell()
      return wasThere
    },
  }
}
