defmodule SampleApp.Accounts.Scope do
  @moduledoc "On whose behalf something is done."

  alias SampleApp.Accounts.User

  defstruct user: nil

  def for_user(%User{} = user), do: %__MODULE__{user: user}
  def for_user(nil), do: nil
end
