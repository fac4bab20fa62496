import { BrokerError } from '../../base/errors.ts'
import { truncate } from '../../base/text.ts'
import type { SettingsRecord, SettingsStore } from '../../store/settings/settings-store.ts'
import { motherFrom, motherWith, nextMotherId, recordOf, type Mother, type MotherFields } from './mother.ts'

/** The registered mothers. A change is stored before it takes effect; changes take place one after the other. */
export interface MotherRegistry {
  /** In the order of their ids. */
  list(): readonly Mother[]
  /** Rejects with `bad-request`, or as the settings store does. */
  add(fields: MotherFields): Promise<Mother>
  /** Changes some fields. Rejects with `not-found` and as `add` does. */
  update(id: string, fields: MotherFields): Promise<Mother>
  /** Rejects with `not-found`, or as the settings store does. */
  remove(id: string): Promise<void>
  /** Stores a mother under this id; the token of one that is there stays. Rejects as `add` does. */
  put(id: string, record: SettingsRecord): Promise<Mother>
}

/** Loads the stored mothers. A record that can't be read is left out and reported, and keeps its id. */
export async function openMotherRegistry(
  settings: SettingsStore,
  {
    onChange,
    onUnreadable,
  }: {
    readonly onChange: (mothers: readonly Mother[]) => void
    readonly onUnreadable: (id: string, error: unknown) => void
  },
): Promise<MotherRegistry> {
  const stored = await settings.mothers()
  const mothers = new Map<string, Mother>()
  for (const [id, record] of stored) {
    try {
      mothers.set(id, motherFrom(id, record))
    } catch (error) {
      onUnreadable(id, error)
    }
  }
  const unreadable = new Set([...stored.keys()].filter((id) => !mothers.has(id)))
  return new StoredMothers(settings, mothers, unreadable, onChange)
}

class StoredMothers implements MotherRegistry {
  readonly #settings: SettingsStore
  readonly #mothers: Map<string, Mother>
  readonly #unreadable: Set<string>
  readonly #onChange: (mothers: readonly Mother[]) => void
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    settings: SettingsStore,
    mothers: Map<string, Mother>,
    unreadable: Set<string>,
    onChange: (mothers: readonly Mother[]) => void,
  ) {
    this.#settings = settings
    this.#mothers = mothers
    this.#unreadable = unreadable
    this.#onChange = onChange
  }

  list(): readonly Mother[] {
    return [...this.#mothers.values()].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
  }

  add(fields: MotherFields): Promise<Mother> {
    return this.#inTurn(() => {
      const taken = (id: string): boolean => this.#mothers.has(id) || this.#unreadable.has(id)
      return this.#store(motherWith(nextMotherId({ has: taken }), fields))
    })
  }

  update(id: string, fields: MotherFields): Promise<Mother> {
    return this.#inTurn(() => this.#store(motherWith(id, fields, this.#named(id))))
  }

  put(id: string, record: SettingsRecord): Promise<Mother> {
    return this.#inTurn(() => {
      const { token = this.#mothers.get(id)?.token, ...mother } = motherFrom(id, record)
      this.#unreadable.delete(id)
      return this.#store({ ...mother, token })
    })
  }

  remove(id: string): Promise<void> {
    return this.#inTurn(async () => {
      if (!this.#unreadable.has(id)) this.#named(id)
      await this.#settings.removeMother(id)
      this.#mothers.delete(id)
      this.#unreadable.delete(id)
      this.#onChange(this.list())
    })
  }

  async #store(mother: Mother): Promise<Mother> {
    await this.#settings.putMother(mother.id, recordOf(mother))
    this.#mothers.set(mother.id, mother)
    this.#onChange(this.list())
    return mother
  }

  #named(id: string): Mother {
    const mother = this.#mothers.get(id)
    if (mother !== undefined) return mother
    const known = [...this.#mothers.keys()].join(', ')
    throw new BrokerError(
      'not-found',
      `there is no mother “${truncate(id)}” here; ${known === '' ? 'none are registered' : `known are ${known}`}`,
    )
  }

  /** One change after the other, so that two never get the same id. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(change, change)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
