import type { Command } from 'commander'

import { chatCommand } from './chat.ts'
import type { Cli } from './cli.ts'
import { completionCommand } from './completion.ts'
import { doctorCommand } from './doctor.ts'
import { healthCommand } from './health.ts'
import { infoCommand } from './info.ts'
import { mcpCommand } from './mcp.ts'
import { modelsCommand } from './models.ts'
import { toolsCommand } from './tools.ts'
import { usageCommand } from './usage.ts'

/** Every command, in the order in which help shows them. */
export const commands: readonly ((cli: Cli) => Command)[] = [
  chatCommand,
  modelsCommand,
  usageCommand,
  infoCommand,
  healthCommand,
  toolsCommand,
  mcpCommand,
  doctorCommand,
  completionCommand,
]
