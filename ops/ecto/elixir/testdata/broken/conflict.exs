defmodule A do
  def up do
<<<<<<< HEAD
    :a
=======
    :b
>>>>>>> other
  end

  def down, do: :ok
end
