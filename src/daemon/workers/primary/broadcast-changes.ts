import type { Tokens } from '../../../auth/tokens.ts'
import type { LimitStore } from '../../../limits/limit-store.ts'

/** The limit rules; a change resolves after `tell` has sent it to all workers. */
export function broadcastingRules(rules: LimitStore, broadcast: () => Promise<void>): LimitStore {
  return {
    list: () => rules.list(),
    get: (subject) => rules.get(subject),
    limitsFor: (caller) => rules.limitsFor(caller),
    async set(subject, rule) {
      await rules.set(subject, rule)
      await broadcast()
    },
    async remove(subject) {
      const wasThere = await rules.remove(subject)
      await broadcast()
      return wasThere
    },
  }
}

/** The API tokens; a change resolves after `tell` has sent it to all workers. */
export function broadcastingTokens(tokens: Tokens, broadcast: () => Promise<void>): Tokens {
  return {
    list: () => tokens.list(),
    find: (token) => tokens.find(token),
    stored: () => tokens.stored(),
    async create(request) {
      const made = await tokens.create(request)
      await broadcast()
      return made
    },
    async setDisabled(id, isDisabled) {
      const facts = await tokens.setDisabled(id, isDisabled)
      await broadcast()
      return facts
    },
    async update(id, changes) {
      const facts = await tokens.update(id, changes)
      await broadcast()
      return facts
    },
    async rotate(id) {
      const made = await tokens.rotate(id)
      await broadcast()
      return made
    },
    async remove(id) {
      const wasThere = await tokens.remove(id)
      await broadcast()
      return wasThere
    },
  }
}
