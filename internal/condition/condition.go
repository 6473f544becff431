// Package condition decides by an expression whether something is wanted: CEL, the
// Common Expression Language, over one variable. It knows nothing of Paraph.
//
// Whoever writes an expression may be a stranger, so what one may cost is bounded:
// its length and depth when it is compiled, its steps when it is evaluated.
package condition

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

const (
	// maxLength bounds an expression, in bytes.
	maxLength = 2000
	// maxDepth bounds how deep it may be nested.
	maxDepth = 40
	// maxCost bounds one evaluation, in the units of CEL: about one for each step, and
	// one for ten bytes of text looked through.
	maxCost = 50_000
)

// Language compiles expressions over a variable. It is safe for concurrent use.
type Language struct{ env *cel.Env }

// New makes the language whose one variable, of any content, has that name.
func New(variable string) (*Language, error) {
	env, err := cel.NewEnv(cel.Variable(variable, cel.MapType(cel.StringType, cel.DynType)),
		cel.ParserExpressionSizeLimit(maxLength), cel.ParserRecursionLimit(maxDepth))
	return &Language{env}, err
}

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	variable string
	program  cel.Program
}

// Compile compiles an expression, which has to give a truth value. Its error says,
// in one line, what is wrong with it.
func (l *Language) Compile(expression string) (*Program, error) {
	if strings.TrimSpace(expression) == "" {
		return nil, errors.New("the expression is empty")
	}
	if len(expression) > maxLength {
		return nil, fmt.Errorf("the expression has %d bytes; at most %d are taken", len(expression), maxLength)
	}
	ast, issues := l.env.Compile(expression)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("at line %d, column %d: %s", first.Location.Line(), first.Location.Column()+1, first.Message)
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("the expression gives %s; it has to give true or false", t)
	}
	p, err := l.env.Program(ast, cel.EvalOptions(cel.OptOptimize), cel.CostLimit(maxCost))
	if err != nil {
		return nil, err
	}
	return &Program{l.env.Variables()[0].Name(), p}, nil
}

// Holds evaluates the expression. An error is one of the expression on this value:
// a member that is not there, or too many steps.
func (p *Program) Holds(value map[string]any) (bool, error) {
	out, _, err := p.program.Eval(map[string]any{p.variable: value})
	if err != nil {
		return false, err
	}
	b, ok := out.(types.Bool)
	if !ok {
		return false, fmt.Errorf("the expression gave %s instead of true or false", out.Type().TypeName())
	}
	return bool(b), nil
}
