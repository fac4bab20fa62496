/** The fields of one stored record, as text. */
export type SettingsRecord = Readonly<Record<string, string>>

/**
 * What an administrator sets at run time and a restart keeps: the brokers above this one, and the priorities of providers. A
 * change resolves once it is durable and rejects with `store-full` or `unreachable`; then nothing has changed.
 */
export interface SettingsStore {
  /** Where the settings are, for people: a file, or an address without its password. */
  readonly location: string
  /** The records of all mothers, by id. */
  mothers(): Promise<ReadonlyMap<string, SettingsRecord>>
  /** Replaces the whole record of a mother. */
  putMother(id: string, record: SettingsRecord): Promise<void>
  removeMother(id: string): Promise<void>
  /** Priorities of providers, by name; the lowest is tried first. */
  priorities(): Promise<ReadonlyMap<string, number>>
  /** Sets a priority, or clears it with `undefined`. */
  setPriority(provider: string, priority: number | undefined): Promise<void>
  close(): Promise<void>
}
