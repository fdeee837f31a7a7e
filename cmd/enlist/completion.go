package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const completionHelp = `Writes a script that has a shell complete enlist's commands and flags. For this
session of bash:

  source <(enlist completion bash)

For zsh it is the file _enlist in a folder of $fpath, for fish
~/.config/fish/completions/enlist.fish, and for powershell:

  enlist completion powershell | Out-String | Invoke-Expression

Exit codes: 0 written; 1 it could not be written; 2 wrong use.
`

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Writes the script with which a shell completes commands and flags",
		Long:      completionHelp,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usageError("expected is one shell: %s", strings.Join(shells, ", "))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(env.out, true)
			case "zsh":
				return root.GenZshCompletion(env.out)
			case "fish":
				return root.GenFishCompletion(env.out, true)
			default:
				return root.GenPowerShellCompletionWithDesc(env.out)
			}
		},
	}
}

// newHelp is the command for those who do not know of --help.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Tells what a command does, as --help does",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError("there is no command %q; see enlist --help", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
