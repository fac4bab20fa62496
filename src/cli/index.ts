import type { Command } from 'commander'

import { runCommand } from './agents/run.ts'
import { backupCommand } from './backup/backup.ts'
import { restoreCommand } from './backup/restore.ts'
import { chatCommand } from './chat/chat.ts'
import type { Cli } from './cli.ts'
import { completionCommand } from './shell-completion/completion.ts'
import { configCommand } from './status/config.ts'
import { contextsCommand } from './access/contexts.ts'
import { dashboardCommand } from './status/dashboard.ts'
import { doctorCommand } from './doctor/doctor.ts'
import { healthCommand } from './status/health.ts'
import { infoCommand } from './status/info.ts'
import { ledgerCommand } from './usage/ledger.ts'
import { limitsCommand } from './access/limits.ts'
import { logsCommand } from './status/logs.ts'
import { settingsCommand } from './cascade/settings.ts'
import { leasesCommand } from './cascade/leases.ts'
import { mothersCommand } from './cascade/mothers.ts'
import { mcpCommand } from './tools/mcp.ts'
import { imageCommand } from './media/image.ts'
import { speakCommand } from './media/speak.ts'
import { transcribeCommand } from './media/transcribe.ts'
import { modelsCommand } from './models/models.ts'
import { priorityCommand } from './models/priority.ts'
import { providersCommand } from './models/providers.ts'
import { serviceCommand } from './service/service.ts'
import { tokensCommand } from './access/tokens.ts'
import { toolsCommand } from './tools/tools.ts'
import { usageCommand } from './usage/usage.ts'

/** Every command, in the order in which help shows them. */
export const commands: readonly ((cli: Cli) => Command)[] = [
  chatCommand,
  runCommand,
  speakCommand,
  transcribeCommand,
  imageCommand,
  modelsCommand,
  toolsCommand,
  usageCommand,
  tokensCommand,
  limitsCommand,
  contextsCommand,
  ledgerCommand,
  providersCommand,
  priorityCommand,
  mothersCommand,
  leasesCommand,
  settingsCommand,
  configCommand,
  infoCommand,
  dashboardCommand,
  healthCommand,
  logsCommand,
  serviceCommand,
  backupCommand,
  restoreCommand,
  mcpCommand,
  doctorCommand,
  completionCommand,
]
