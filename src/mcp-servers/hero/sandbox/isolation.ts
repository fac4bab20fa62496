import { z } from 'zod'

import { ToolFailure } from '../../shared/tool-failure.ts'
import type { Isolation } from '../settings.ts'

/** The isolation that was in force during a run, in words. */
export interface IsolationReport {
  readonly level: Isolation
  readonly inForce: readonly string[]
  /** The layers that could not be set up, and the consequences. Empty in the full sandbox. */
  readonly missing: readonly string[]
}

/** The report that the guard writes before it runs the code. */
const guardReport = z.object({
  layers: z.array(z.string()),
  missing: z.array(z.object({ layer: z.string(), reason: z.string() })),
  refused: z.array(z.string()),
})

export type GuardReport = z.output<typeof guardReport>

export function readReport(text: string, stderr: string): GuardReport {
  try {
    return guardReport.parse(JSON.parse(text))
  } catch {
    const reason = stderr.trim().split('\n').at(-1) ?? 'it reported nothing'
    return { layers: [], missing: [{ layer: 'guard', reason }], refused: ['guard'] }
  }
}

/** The meaning of each layer, for the reader of the result. */
const MEANING: Readonly<Record<string, string>> = {
  namespaces:
    'own namespaces for users, mounts, processes, network, IPC and host name: no network, no other processes, no files but Python’s library with the shared libraries it loads, the sockets and a scratch space',
  limits:
    'limits on memory, processor time, file size and open files; wall time and output are bounded outside',
  'no capabilities': 'no capabilities and no way to gain privileges',
  landlock: 'Landlock: files outside Python’s library can’t be opened, and none can be written',
  'system call filter':
    'a system call filter: no new processes, no sockets but the listed ones, no signals to others',
}

const WITHOUT: Readonly<Record<string, string>> = {
  namespaces:
    'no namespaces: names and sizes of files on this machine can be asked for, and there is no scratch space to write to',
}

export function isolationOf({ layers, missing }: GuardReport, level: Isolation): IsolationReport {
  return {
    level,
    inForce: layers.map((layer) => MEANING[layer] ?? layer),
    missing: missing.map(({ layer, reason }) => `${WITHOUT[layer] ?? `no ${layer}`} (${reason})`),
  }
}

export function notIsolated(report: GuardReport, level: Isolation): ToolFailure {
  const reasons = report.missing.map(({ layer, reason }) => `${layer}: ${reason}`).join('; ')
  const lower = level === 'namespaces' ? ' The operator may accept less with MCP_HERO_ISOLATION=filters.' : ''
  return new ToolFailure(
    'disabled',
    `nothing was run: this machine can’t isolate the code as required (${reasons}).${lower}`,
  )
}
