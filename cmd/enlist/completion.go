package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const completionHelp = `Writes a script that lets a shell complete the commands and flags of enlist.

  bash        source <(enlist completion bash)
  zsh         write it to a file _enlist in a folder of $fpath
  fish        write it to ~/.config/fish/completions/enlist.fish
  powershell  enlist completion powershell | Out-String | Invoke-Expression

Exit codes: 0 written; 1 it could not be written; 2 wrong use.
`

var shells = []string{"bash", "zsh", "fish", "powershell"}

func newCompletion(env *environment) *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Writes a script for shell completion",
		Long:      completionHelp,
		ValidArgs: shells,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || !slices.Contains(shells, args[0]) {
				return usageError("expected one shell: %s", strings.Join(shells, ", "))
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

// newHelp returns the command help, which does the same as --help.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Shows the help of a command",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usageError("unknown command %q; see enlist --help", strings.Join(args, " "))
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}
