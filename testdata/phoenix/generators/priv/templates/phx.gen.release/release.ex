defmodule <%= base %>.Release do
  @app :<%= app %>

  def migrate, do: Application.load(@app)
end
