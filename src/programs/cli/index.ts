import type { Command } from 'commander'

import { chatCommand } from './chat.ts'
import type { Cli } from './cli.ts'
import { completionCommand } from './completion.ts'
import { configCommand } from './config.ts'
import { contextsCommand } from './contexts.ts'
import { doctorCommand } from './doctor.ts'
import { healthCommand } from './health.ts'
import { infoCommand } from './info.ts'
import { ledgerCommand } from './ledger.ts'
import { limitsCommand } from './limits.ts'
import { logsCommand } from './logs.ts'
import { mcpCommand } from './mcp.ts'
import { modelsCommand } from './models.ts'
import { priorityCommand } from './priority.ts'
import { providersCommand } from './providers.ts'
import { tokensCommand } from './tokens.ts'
import { toolsCommand } from './tools.ts'
import { usageCommand } from './usage.ts'

/** Every command, in the order in which help shows them. */
export const commands: readonly ((cli: Cli) => Command)[] = [
  chatCommand,
  modelsCommand,
  toolsCommand,
  usageCommand,
  tokensCommand,
  limitsCommand,
  contextsCommand,
  ledgerCommand,
  providersCommand,
  priorityCommand,
  configCommand,
  infoCommand,
  healthCommand,
  logsCommand,
  mcpCommand,
  doctorCommand,
  completionCommand,
]
